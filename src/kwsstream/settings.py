"""The sections of a config whose schema is here, and not the constructor of what they feed."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, model_validator

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False, validate_default=True)


class Training(BaseModel):
    """Optimiser and schedule: `rates` hold for `updates` each ("piecewise"), or the rate falls over all of them from
    the first rate to the last, exponentially or as a half cosine, after a linear rise over `warmup_updates`.
    """

    model_config = STRICT
    optimiser: Literal["adam", "adamw", "momentum", "novograd"] = "adam"
    schedule: Literal["piecewise", "exponential", "cosine"] = "piecewise"
    updates: Annotated[list[PositiveInt], Field(min_length=1)] = [10000, 10000, 10000]
    rates: Annotated[list[PositiveFloat], Field(min_length=1)] = [0.0005, 0.0001, 0.00002]
    warmup_updates: Annotated[int, Field(ge=0)] = 0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    betas: tuple[float, float] | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    class_weights: Literal["balanced"] | list[PositiveFloat] | None = None
    """Of the labels in the loss: one each, or so that each label weighs as much as another."""
    mixup: Annotated[float, Field(ge=0)] = 0.0
    """Blend clips and labels by shares from Beta(mixup, mixup); 0: do not."""
    average: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay of the moving average of the weights, such as 0.999, which is then what is kept; 0: none."""
    compile: bool = False
    """Let torch.compile make one program of the net; on CPUs it has not paid (`benchmarks/training.py`)."""
    clips_per_stream: PositiveInt = 1
    """Join so many clips of a batch to one stream, and learn from the end of each: recurrent layers then see states
    that were carried from clip to clip, as they do in use."""
    carry_state: bool = False
    """Start each stream of an update with the state that the same one of the update before ended with."""
    peak_loss: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the loss at peaks: where a clip, heard through, is most like a keyword that it is not; 0: none."""
    validate_every: PositiveInt = 400
    patience: PositiveInt | None = None
    """Stop after so many validations without a better accuracy; null: never."""

    @model_validator(mode="after")
    def _lists_match(self) -> "Training":
        if self.schedule == "piecewise" and len(self.updates) != len(self.rates):
            raise ValueError(
                f"{len(self.updates)} updates and {len(self.rates)} rates: piecewise needs one rate for each"
            )
        if self.compile and self.carry_state:
            raise ValueError("compile is for whole clips, and carry_state trains by steps: leave one of them out")
        return self

    @property
    def total(self) -> int:
        return sum(self.updates)


class TeacherRun(BaseModel):
    """The run to learn from: its softened probabilities are `weight` of the loss. Its folder alone will do."""

    model_config = STRICT
    run: Path
    weight: Annotated[float, Field(ge=0, le=1)] = 0.5
    temperature: PositiveFloat = 2.0

    @model_validator(mode="before")
    @classmethod
    def _folder_alone(cls, given: Any) -> Any:
        return {"run": given} if isinstance(given, str) else given


class Quantise(BaseModel):
    """How integer files are fitted to real streams, and what training prepares for them (`bits`).

    Ranges of int8 tensors reach from the least to the largest number seen, or hold `percentile` percent of them on
    each side. int16 has numbers enough for all that was seen.
    """

    model_config = STRICT
    calibration_steps: PositiveInt = 2000
    """Steps of streams with carried states that ranges are taken from; `calibration_clips` for whole clips."""
    calibration_clips: PositiveInt = 100
    calibration_seed: Annotated[int, Field(ge=0)] = 0
    """Which clips of the training set they are."""
    ranges: Literal["min_max", "percentile"] = "min_max"
    percentile: Annotated[float, Field(gt=50, le=100)] = 99.99
    narrow_features: bool = True
    """Cut features off where scores change least by it, rather than hold digital silence."""
    bits: Literal[4, 8] | None = None
    """Of weights that training rounds as it goes, activations in 8; null: training knows no rounding."""
    power_of_two: bool = False
    """Scales of training are powers of two, and its zero points zero, as fixed point wants them."""
    range_updates: PositiveInt = 20
    """The updates over which the range of an activation moves most of the way to what it should be."""


class Cluster(BaseModel):
    """Weights of few values, in training that goes on from a trained run."""

    model_config = STRICT
    clusters: Annotated[int, Field(ge=2, le=256)] = 32
    """Different weights of each layer."""


class Prune(BaseModel):
    """Weights of zero, in training that goes on from a trained run."""

    model_config = STRICT
    share: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Of the weights of each layer."""
    updates: PositiveInt = 200
    """The updates over which the share rises from nothing."""
    every: PositiveInt = 10
    """Updates from one choice of zeros to the next."""
