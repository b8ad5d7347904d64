"""The architectures by name, and a whole model: a front end, then one of them.

To add one: a file here with a class whose constructor takes `frames`, `inputs` and `labels` (the feature frames of a
clip, the features of a frame, the outputs) and then its own hyper-parameters; a line in MODELS; a yaml in conf/.
"""

from kwsstream.features import Features
from kwsstream.models.cnn import CNN
from kwsstream.streaming import Sequential

MODELS = {"cnn": CNN}


def build(name: str, front: Features, samples: int, labels: int, **hyper_parameters) -> Sequential:
    """A model from audio (batch, samples, 1, 1) to logits (batch, frames, 1, labels), its parts named front and net.

    ValueError where a clip of that many samples is too short for the front end or for a layer.
    """
    frames = front.timing.frames(samples)
    if frames < 1:
        needed = front.timing.warmup + front.timing.stride
        raise ValueError(f"a clip of {samples} samples has no feature frame: the window needs {needed}")
    net = MODELS[name](frames=frames, inputs=front.outputs, labels=labels, **hyper_parameters)
    return Sequential(front=front, net=net)
