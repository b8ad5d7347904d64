"""A run to files with manifests, all made and proven before any is left in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import torch

from kwsstream.compress.prepare import compresses, plain
from kwsstream.detection.settings import run_parameters
from kwsstream.errors import UserError
from kwsstream.export.audio import audio_runs, data_of
from kwsstream.export.clips import Clips, clip_logits, judged_clips
from kwsstream.export.convert import Made, Plan, float_net_of, make_onnx, make_tflite
from kwsstream.export.fitting import Fitting
from kwsstream.export.graph import PARTS, Graph, Input, Part, Stream, graph_of
from kwsstream.export.interface import tflite_interface
from kwsstream.export.internal import HOW_TO_RESET
from kwsstream.export.micro import measure_micro
from kwsstream.export.noise import layer_noise, noise_path, save_noise
from kwsstream.export.parity import agreement, enforce, identical_steps, measure, replay
from kwsstream.export.second import second_opinion
from kwsstream.export.staging import staging
from kwsstream.export.tflite import INTEGER, Precision
from kwsstream.fronts import exportable
from kwsstream.manifest import Clock, Manifest, Micro, Opinion, Parity, sha256, write_manifest
from kwsstream.runners.files import open_session
from kwsstream.runners.front import FrontSession
from kwsstream.runners.session import Session
from kwsstream.streaming import why_whole

if TYPE_CHECKING:
    from kwsstream.runs import Run

Format = Literal["onnx", "tflite"]


@dataclass
class Exporter:
    """One export: a run, the format and stream of its files, and how much audio they are measured and calibrated on.

    That is steps of a stream, or clips where the files take whole clips.
    """

    run: "Run"
    format: Format
    stream: Stream
    parity_steps: int = 1000
    calibration_steps: int | None = None
    """None: what the run's config says, of steps and of clips."""
    parity_clips: int = 300
    calibration_clips: int | None = None
    report: bool = False
    """Leave the noise of each layer of an integer file beside it: FILE.noise.csv."""
    second: bool = False
    """Quantise by a second way, too: manifests of integer files then have the accuracy of what that makes."""
    strict: bool = True
    """Refuse files that are further from PyTorch than their precision allows."""

    def __post_init__(self):
        if compresses(self.run.config):
            self.run = replace(self.run, model=plain(self.run.model))

    def export(self, precisions: list[Precision], input: Input, folder: Path) -> list[Manifest]:
        """Write a file and a manifest for each precision, and the front end of those that take features.

        Integer files always take features: a power spectrum does not fit in integers. The micro front end has no
        file: runners compute it. UserError, and nothing new in the folder, where a conversion fails or a file is
        further from PyTorch than its precision allows.
        """
        check(self.format, self.stream, precisions)
        reason = why_whole(self.run.model)
        if reason and self.stream != "none":
            raise UserError(f"--stream {self.stream}: {self.run.name} cannot stream, {reason}; use --stream none")
        chosen = parts(precisions, input, self.exports_front)
        with staging(folder) as beside, one_thread():
            plan = {
                part: {precision: beside / self.name(part, precision) for precision in wanted}
                for part, wanted in chosen.items()
            }
            graphs = {part: graph_of(self.run.model, self.stream, part, self.samples) for part in PARTS}
            made = self.make(graphs, plan)
            return [manifest for part in plan for manifest in self.prove(part, graphs[part], made)]

    def make(self, graphs: dict[Part, Graph], plan: Plan) -> dict[Part, list[Made]]:
        if self.format == "onnx":
            return make_onnx(graphs, plan)
        calibration = partial(partial, self.fitting.calibration)
        return make_tflite(graphs, plan, self.stream == "internal", calibration, self.fitting.estimate)

    def prove(self, part: Part, graph: Graph, made: dict[Part, list[Made]]) -> Iterator[Manifest]:
        """Measure the files of one part of the model against PyTorch, and write their manifests."""
        count = self.parity_clips if graph.whole else self.parity_steps
        data = data_of(self.run.model, graph, audio_runs(self.testing, self.samples_of_run, count))
        sessions = [one.session() for one in made[part]]
        front = self.front_sessions(made) if part == "features" else []
        for one, session, replayed in zip(made[part], sessions, replay(graph, data, sessions), strict=True):
            clips = logits = None
            if part != "front":
                clips = self.clips
                logits = clip_logits([*front, session], clips, self.run.model, graph.whole)
            identical = identical_steps(one.file.name, session, one.external.session(), data) if one.external else None
            parity = measure(replayed, one.precision, clips, logits, identical)
            if self.strict:
                enforce(one.file.name, one.precision, parity)
            micro = opinion = None
            if one.precision in INTEGER:
                micro = measure_micro(one, graph.whole, data, replayed.results)
                floats = float_net_of(made)
                if self.second:
                    opinion = self.opinion(one, graph, floats, front)
                if self.report:
                    file = (one.external or one).file
                    noise = layer_noise(floats.read_bytes(), file.read_bytes(), graph.states, data.numpy())
                    save_noise(noise, noise_path(one.file))
            manifest = self.describe(one, part, graph, parity=parity, micro=micro, second_opinion=opinion)
            write_manifest(manifest, one.file.parent)
            yield manifest

    def front_sessions(self, made: dict[Part, list[Made]]) -> list[Session]:
        """What makes the features for a file that takes them: the front end's file, or the front end itself."""
        if "front" in made:
            return [one.session() for one in made["front"]]
        return [FrontSession(self.run.model.front, self.stream == "none")]

    def opinion(self, one: Made, graph: Graph, floats: Path, front: list[Session]) -> Opinion:
        """What another quantiser makes of the float file that an integer file comes from, on the test clips."""
        second = one.file.with_name(f".second_{one.precision}.tflite")
        second_opinion(floats, graph, one.precision, second, self.fitting)
        session = open_session(second, tflite_interface(graph, second))
        logits = clip_logits([*front, session], self.clips, self.run.model, graph.whole)
        return Opinion(
            agreement=agreement(logits, self.clips.logits.argmax(1)), accuracy=agreement(logits, self.clips.labels)
        )

    def describe(
        self, made: Made, part: Part, graph: Graph, **measured: Parity | Micro | Opinion | str | None
    ) -> Manifest:
        """The manifest of a file; `measured` are its fields that hold what was seen of the file."""
        config = self.run.config.model_dump(mode="json")
        return Manifest(
            **dict(made.interface),
            file=made.file.name,
            sha256=sha256(made.file),
            format=self.format,
            model=self.run.name,
            stream=self.stream,
            reset=HOW_TO_RESET if self.stream == "internal" else None,
            precision=made.precision,
            front_end=self.name("front", "float32") if part == "features" and self.exports_front else None,
            clock=Clock.of(self.run.model.timing, self.run.model.front.sample_rate_hz, self.samples),
            labels=self.run.labels,
            features=config["features"],
            config=config,
            detector=None if part == "front" else run_parameters(self.run),
            quantisation=self.fitting.describe(made.precision, graph, (made.external or made).file),
            **measured,
        )

    @property
    def exports_front(self) -> bool:
        return exportable(self.run.model.front)

    def name(self, part: Part, precision: Precision) -> str:
        return f"{self.run.name}_{self.stream}_{part}_{precision}.{self.format}"

    @cached_property
    def fitting(self) -> Fitting:
        return Fitting(self.run, self.samples_of_run, self.calibration_steps, self.calibration_clips)

    @cached_property
    def testing(self):
        return self.run.data().partition("testing")

    @cached_property
    def clips(self) -> Clips:
        return judged_clips(self.run.model, self.testing)

    @property
    def samples(self) -> int:
        """Samples of a clip."""
        return self.run.data().samples

    @property
    def samples_of_run(self) -> int:
        """Samples that one run of a graph takes: a step, or a clip."""
        return self.samples if self.stream == "none" else self.run.model.timing.stride


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch run on one thread: a step is too small to be shared, and waiting for others costs more than it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def parts(precisions: list[Precision], input: Input, front: bool = True) -> dict[Part, list[Precision]]:
    """The parts of a model to export, and in which precisions; the front end before what takes its features.

    `front` says whether a file can hold the front end. UserError where one that cannot is asked for.
    """
    from_features = [p for p in precisions if p in INTEGER or input == "features"]
    from_audio = [p for p in precisions if p not in from_features]
    if from_audio and not front:
        raise UserError(
            f"--input audio ({' '.join(from_audio)}): the micro front end computes in whole numbers, as devices do, "
            "and no exported file can hold it; use --input features"
        )
    chosen = {"audio": from_audio, "front": ["float32"] if from_features and front else [], "features": from_features}
    return {part: wanted for part, wanted in chosen.items() if wanted}


def check(format: Format, stream: Stream, precisions: list[Precision]) -> None:
    """UserError for what the format cannot hold."""
    if format == "onnx" and stream == "internal":
        raise UserError("--stream internal: an ONNX file keeps no state; use --stream external, or export/to_tflite.py")
    wrong = [p for p in precisions if format == "onnx" and p != "float32"]
    if wrong:
        raise UserError(f"--precision {' '.join(wrong)}: ONNX files are float32; use export/to_tflite.py")
