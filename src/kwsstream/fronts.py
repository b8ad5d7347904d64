"""The front ends by kind: what `features` of a config may be."""

from kwsstream.features import Features
from kwsstream.micro import Micro
from kwsstream.streaming import Streaming

FRONTS = {"mel": Features, "micro": Micro}


def build_front(*, kind: str = "mel", **arguments) -> Features | Micro:
    """A front end from audio to features. ValueError where its arguments do not fit one another."""
    return FRONTS[kind](**arguments)


def exportable(front: Streaming) -> bool:
    """Whether ONNX and TFLite files can hold the front end."""
    return not isinstance(front, Micro)
