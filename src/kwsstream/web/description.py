"""What a page knows of its model: model.json. site/spotter.js says the same in JSDoc."""

from typing import Any, Literal

from kwsstream.detector import Parameters
from kwsstream.manifest import Clock, Strict
from kwsstream.web.runtime import Runtime


class Port(Strict):
    """An input or output, float32."""

    name: str
    shape: list[int]


class StatePort(Port):
    """A state: zeros when a stream starts, then what comes out as `next`."""

    next: str


class ModelFile(Strict):
    """One of the files that a hop goes through, its path relative to model.json."""

    file: str
    sha256: str
    input: Port
    output: Port
    states: list[StatePort]


class SampleClip(Strict):
    """A clip of the test partition, with silence after it for the detector to come to a decision."""

    file: str
    label: str


class Description(Strict):
    """The model of a page, from audio to words."""

    schema_version: Literal[1] = 1
    model: str
    precision: str
    runtime: Runtime
    files: list[ModelFile]
    clock: Clock
    labels: list[str]
    features: dict[str, Any]
    detector: Parameters
    clips: list[SampleClip]
