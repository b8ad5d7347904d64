"""What an exported file is and how to run it: FILE.json beside FILE."""

import hashlib
import math
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from kwsstream.detector import Parameters
from kwsstream.errors import UserError
from kwsstream.files import whole
from kwsstream.streaming import Timing

SCHEMA_VERSION = 1


class Strict(BaseModel):
    """An unknown key or a value of another type is an error."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Tensor(Strict):
    """An input or output. A number q of it stands for scale * (q - zero_point); both are null in float32."""

    name: str
    shape: list[int]
    dtype: Literal["float32", "int8", "int16"]
    scale: float | None
    zero_point: int | None


class StateTensor(Tensor):
    """A state: feed its `next` back as its `name`, which `reset_value` fills when a stream starts.

    `next` has the same shape, dtype, scale and zero point. It is null where the file keeps the state inside, in a
    resource variable of that name: a new interpreter starts after silence, and `reset` of the manifest says how to
    start again.
    """

    next: str | None
    reset_value: int


class Interface(Strict):
    """What goes into a file and comes out of it."""

    input: Tensor
    output: Tensor
    states: list[StateTensor]


class Clock(Strict):
    """How results follow samples, from the audio on. A step takes `hop_samples`; see kwsstream.streaming.Timing."""

    sample_rate_hz: int
    hop_samples: int
    hop_ms: float
    lead_samples: int
    lookahead_samples: int
    warmup_samples: int
    receptive_field_samples: int | None
    """Null: unbounded, since a layer is recurrent."""
    latency_samples: int
    latency_ms: float
    clip_samples: int

    @classmethod
    def of(cls, timing: Timing, sample_rate_hz: int, clip_samples: int) -> "Clock":
        ms, latency = 1000 / sample_rate_hz, timing.stride + timing.lookahead
        return cls(
            sample_rate_hz=sample_rate_hz,
            hop_samples=timing.stride,
            hop_ms=timing.stride * ms,
            lead_samples=timing.lead,
            lookahead_samples=timing.lookahead,
            warmup_samples=timing.warmup,
            receptive_field_samples=None if math.isinf(timing.receptive_field) else int(timing.receptive_field),
            latency_samples=latency,
            latency_ms=latency * ms,
            clip_samples=clip_samples,
        )

    @property
    def timing(self) -> Timing:
        field = self.receptive_field_samples
        return Timing(
            math.inf if field is None else field, self.hop_samples, self.lookahead_samples, self.warmup_samples
        )


class Parity(Strict):
    """The file against PyTorch on real audio, as measured when it was exported.

    Differences are of results (logits or features) over `steps` steps of a stream, or over `steps` clips for a file
    that takes whole clips. Agreement and accuracy are in percent; those of clips judge the last step of each.
    """

    steps: int
    largest_difference: float
    median_difference: float
    largest_result: float
    step_agreement: float
    state_difference: float | None
    """Largest difference of a next state; null where there is none, or it is inside."""
    identical_steps: int | None
    """Steps over which a file with internal state was bit for bit equal to the one with external state."""
    clips: int
    clip_agreement: float | None
    accuracy: float | None
    pytorch_accuracy: float | None
    tolerance: str


class Apart(Strict):
    """How far the results of two interpreters of an integer file are from each other."""

    largest_difference: int
    """In steps of the output's scale: kernels round differently."""
    agreement: float
    """Percent of steps with the same label. Where labels tie, as integers do, any of them will do."""


class Micro(Strict):
    """The file in TensorFlow Lite Micro, against LiteRT over `steps` of the same data, each with its own state."""

    arena: dict[str, int]
    """Bytes: total, head (used anew in each run), tail (kept between runs), and of that by kind."""
    steps: int
    litert: Apart
    litert_reference: Apart
    """Against LiteRT's reference kernels, which round as TensorFlow Lite Micro's do."""
    identical_steps: int | None = None
    """Of those steps, for a file with internal state: in how many it gave what the one with external state did."""


class Opinion(Strict):
    """The same float file as another quantiser makes it, ai-edge-quantizer: percent of the test clips."""

    agreement: float
    """With PyTorch's label."""
    accuracy: float


class Quantisation(Strict):
    """How the ranges of an integer file's tensors were found, over `runs` of real streams drawn by `seed`."""

    runs: int
    seed: int
    ranges: Literal["min_max", "percentile", "learnt"]
    percentile: float | None
    feature_range: tuple[float, float] | None
    """Limits that features were cut off at; null: nowhere."""
    rescaled: list[str]
    """States that come out of the net with another scale than they go in with, and are rescaled by a last operator."""


class Manifest(Interface):
    """All that a runtime, or a person who writes firmware, has to know of a file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    file: str
    sha256: str
    format: Literal["tflite", "onnx"]
    model: str
    stream: Literal["external", "internal", "none"]
    reset: str | None = None
    """How a stream starts anew in a file that keeps its states inside; null for others."""
    precision: Literal["float32", "float16", "dynamic", "int8", "int16"]
    front_end: str | None
    """The file that makes the features of a file that takes features; it has a state of its own. Null where `features`
    are of a kind that no file holds: micro."""
    clock: Clock
    labels: list[str]
    features: dict[str, Any]
    """The parameters of the front end."""
    config: dict[str, Any]
    """The training config."""
    parity: Parity
    micro: Micro | str | None = None
    """Of int8 and int16 files: what TensorFlow Lite Micro does with it, or why it cannot run it. Null for others, and
    where tflite-micro was not installed when the file was exported."""
    second_opinion: Opinion | None = None
    """Of int8 and int16 files exported with --second-opinion."""
    detector: Parameters | None = None
    """How to hear words in its posteriors: see kwsstream.detector. They can be changed at any time; null: defaults."""
    quantisation: Quantisation | None = None
    """Null where numbers are not integers."""


def manifest_path(file: Path) -> Path:
    return file.with_name(f"{file.name}.json")


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write a manifest beside its file, which lies in `folder`."""
    with whole(manifest_path(folder / manifest.file)) as beside:
        beside.write_text(manifest.model_dump_json(indent=2) + "\n")


def read_manifest(file: Path) -> Manifest:
    """The manifest of a file. UserError where file or manifest is missing, or they do not belong together."""
    path = manifest_path(file)
    for needed in (file, path):
        if not needed.is_file():
            raise UserError(f"no file {needed}: expected an exported file with its manifest beside it; export it again")
    try:
        manifest = Manifest.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise UserError(f"{path} is not a manifest: {where}: {first['msg']}; export it again") from error
    if manifest.file != file.name or manifest.sha256 != sha256(file):
        raise UserError(f"{file} is not the file that {path} describes (its hash differs): export it again")
    return manifest


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
