"""An experiment as yaml: read, overridden from the command line, and checked against the constructors it feeds.

The sections data, features, model, augment, effects and masks take the arguments of SpeechData, the front end's class,
the model's class, Augment, HardNegatives, Voice, Reverb, Surroundings, SpecAugment and Cutout: their signatures are the
schema, so that a new argument is a new key.
"""

import difflib
import inspect
import re
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import lightning
import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from pydantic import (
    BaseModel,
    Field,
    SerializeAsAny,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)

from kwsstream.data.augment import Augment
from kwsstream.data.hard_negatives import HardNegatives
from kwsstream.data.module import SpeechData
from kwsstream.data.reverb import Reverb
from kwsstream.data.spec_augment import Cutout, SpecAugment
from kwsstream.data.surroundings import Surroundings
from kwsstream.data.vocoder import Voice
from kwsstream.errors import UserError
from kwsstream.files import whole
from kwsstream.fronts import FRONTS
from kwsstream.models import MODELS
from kwsstream.settings import STRICT, Cluster, Prune, Quantise, TeacherRun, Training

FROM_DATA = ("samples", "backgrounds", "background", "lengths", "sample_rate_hz", "labels")  # the data tells these
DECIDED_HERE = {
    "callbacks", "check_val_every_n_epoch", "default_root_dir", "logger", "max_epochs", "max_steps", "max_time",
    "min_epochs", "min_steps", "reload_dataloaders_every_n_epochs", "use_distributed_sampler", "val_check_interval",
}  # fmt: skip  # arguments of Lightning's Trainer that `training` and the run folder decide


def arguments(constructor: Callable, *, without: tuple[str, ...] = (), **more: Any) -> type[BaseModel]:
    """The arguments of a constructor as a strict schema, less those named in `without`, plus fields of the caller's."""
    hints = typing.get_type_hints(constructor.__init__, include_extras=True)
    fields = {
        name: (hints[name], ... if parameter.default is parameter.empty else parameter.default)
        for name, parameter in inspect.signature(constructor).parameters.items()
        if name not in without
    }
    return create_model(constructor.__name__, __config__=STRICT, **fields, **more)


MODEL_SCHEMAS = {
    name: arguments(model, without=("frames", "inputs", "labels"), name=(Literal[name], ...))
    for name, model in MODELS.items()
}
FRONT_SCHEMAS = {
    kind: arguments(front, without=("sample_rate_hz",), kind=(Literal[kind], kind)) for kind, front in FRONTS.items()
}


class Masks(BaseModel):
    """Masks on the features of a training batch; null for none."""

    model_config = STRICT
    spec_augment: arguments(SpecAugment) | None = None
    cutout: arguments(Cutout) | None = None


class Effects(BaseModel):
    """What is done to the clips of a training batch beside `augment`: some made hard negatives, then the voice, then
    the room around it, and, after `augment`, noise from folders; null for none.
    """

    model_config = STRICT
    hard_negatives: arguments(HardNegatives, without=FROM_DATA) | None = None
    voice: arguments(Voice) | None = None
    reverb: arguments(Reverb, without=FROM_DATA) | None = None
    noise: arguments(Surroundings, without=FROM_DATA) | None = None


class Config(BaseModel):
    """One experiment."""

    model_config = STRICT
    seed: Annotated[int, Field(ge=0)] = 0
    data: arguments(SpeechData)
    features: SerializeAsAny[BaseModel] = {}
    model: SerializeAsAny[BaseModel]
    augment: arguments(Augment, without=FROM_DATA) = {}
    effects: Effects = {}
    masks: Masks = {}
    teacher: TeacherRun | None = None
    training: Training = {}
    quantise: Quantise = {}
    cluster: Cluster | None = None
    prune: Prune | None = None
    trainer: dict[str, Any] = {}
    """Arguments of Lightning's Trainer, such as devices, num_nodes, accelerator and precision."""

    @field_validator("features", mode="before")
    @classmethod
    def _of_its_kind(cls, given: Any) -> BaseModel:
        if not isinstance(given, dict):
            raise ValueError(f"expected keys with values, not {given!r}")
        kind = given.get("kind", "mel")
        if kind not in tuple(FRONT_SCHEMAS):
            raise ValueError(f"no features of kind {kind!r}{near(str(kind), set(FRONT_SCHEMAS))}")
        return FRONT_SCHEMAS[kind].model_validate(given)

    @field_validator("model", mode="before")
    @classmethod
    def _of_its_class(cls, given: Any) -> BaseModel:
        name = given.get("name") if isinstance(given, dict) else None
        if name not in MODEL_SCHEMAS:
            raise ValueError(f"no model named {name!r}{near(str(name), set(MODEL_SCHEMAS))}")
        return MODEL_SCHEMAS[name].model_validate(given)

    @model_validator(mode="after")
    def _whole_streams(self) -> "Config":
        clips, joined = self.data.batch_size, self.training.clips_per_stream
        if clips % joined:
            raise ValueError(f"data.batch_size {clips} is not a multiple of training.clips_per_stream {joined}")
        return self

    @model_validator(mode="after")
    def _compressed_one_way(self) -> "Config":
        if self.cluster and self.prune:
            raise ValueError("cluster and prune: zeros would be averaged with their cluster; leave one of them null")
        if self.prune and self.prune.updates > self.training.total:
            raise ValueError(f"prune.updates {self.prune.updates} are more than the {self.training.total} of training")
        return self

    @field_validator("trainer")
    @classmethod
    def _known_to_lightning(cls, given: dict) -> dict:
        known = set(inspect.signature(lightning.Trainer).parameters) - DECIDED_HERE
        for key in given:
            if key not in known:
                raise ValueError(f"unknown key {key}{near(key, known)}")
        return given


class YesIsAWord(yaml.SafeLoader):
    """YAML whose truth values are true and false alone, as in YAML 1.2: yes, no, on and off are words to spot."""


TRUTH = "tag:yaml.org,2002:bool"
YesIsAWord.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != TRUTH]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
YesIsAWord.add_implicit_resolver(TRUTH, re.compile("^(true|false)$", re.IGNORECASE), list("tTfF"))


def read(path: Path, overrides: list[str] = ()) -> Config:
    """A config file with overrides `key.sub=value`. UserError in one line for anything that does not fit."""
    if not Path(path).is_file():
        raise UserError(f"no config file {path}: give a yaml, such as conf/cnn.yaml")
    for override in overrides:
        if "=" not in override:
            raise UserError(f"override {override!r} is not of the form key.sub=value")
    try:
        given = OmegaConf.create(yaml.load(Path(path).read_text(encoding="utf-8"), YesIsAWord) or {})
        for key, value in (override.split("=", 1) for override in overrides):
            OmegaConf.update(given, key, yaml.load(value, YesIsAWord))
        given = OmegaConf.to_container(given, resolve=True)
    except (OmegaConfBaseException, yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} cannot be read as yaml: {' '.join(str(error).split())}") from error
    return parse(given, str(path))


def parse(given: Any, where: str) -> Config:
    """A checked config from plain values. UserError names the first key that does not fit, and where it stands."""
    try:
        return Config.model_validate(given)
    except ValidationError as error:
        raise UserError(f"{where}: {first_line(error)}") from error


def write(config: Config, path: Path) -> None:
    """The resolved config as yaml, every default written out."""
    with whole(path) as beside:
        OmegaConf.save(OmegaConf.create(config.model_dump(mode="json")), beside)


def first_line(error: ValidationError, path: tuple[str, ...] = ()) -> str:
    """The first thing that a config gets wrong: key, value, expectation."""
    first = error.errors()[0]
    path = (*path, *map(str, first["loc"]))
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ValidationError):
        return first_line(cause, path)
    key = ".".join(path)
    match first["type"]:
        case "extra_forbidden":
            return f"{key}: unknown key{near(path[-1], keys_beside(path))}"
        case "missing":
            return f"{key}: missing; give it a value"
        case "value_error":
            return f"{key}: {cause}"
    return f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}, not {first['input']!r}"


def keys_beside(path: tuple[str, ...]) -> set[str]:
    """The keys that there are where a path ends in one that is not."""
    fields = Config.model_fields
    for part in path[:-1]:
        if part in ("features", "model"):
            schemas = FRONT_SCHEMAS if part == "features" else MODEL_SCHEMAS
            kinds = [set(schema.model_fields) for schema in schemas.values()]
            return set().union(*(keys for keys in kinds if path[-1] not in keys))
        annotation = fields[part].annotation
        section = next(kind for kind in (annotation, *typing.get_args(annotation)) if hasattr(kind, "model_fields"))
        fields = section.model_fields
    return set(fields)


def near(key: str, known: set[str]) -> str:
    """A hint at the key that was meant, or at all there are."""
    close = difflib.get_close_matches(key, known, n=1)
    return f"; did you mean {close[0]}?" if close else f"; known: {', '.join(sorted(known))}"
