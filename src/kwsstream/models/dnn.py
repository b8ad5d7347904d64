"""Dense layers on each frame, then on all frames of the clip."""

from torch import nn

from kwsstream.layers import Activation, ChannelPool, Flatten
from kwsstream.models.stack import Stack
from kwsstream.streaming import Sequential


class DNN(Sequential):
    """Dense layers, on frames and on the clip they make up (Chen et al., 2014; Zhang et al., 2017).

    The defaults are kws_streaming's: 447,308 parameters on 49 frames of 20 MFCC and 12 labels. Hello Edge's has no
    layers on frames (`frame_units` empty) and no pooling: three equal ones on the clip.
    `pool` takes the largest of so many neighbouring channels, `pool_stride` apart.
    """

    def __init__(
        self,
        *,
        frames: int,
        inputs: int,
        labels: int,
        frame_units: list[int] = (64, 128),
        frame_activations: list[Activation] = ("relu", "relu"),
        pool: int = 2,
        pool_stride: int = 2,
        dropout: float = 0.1,
        units: list[int] = (128, 256),
        unit_activations: list[Activation] = ("linear", "relu"),
    ):
        stack = Stack(frames, inputs).dense("frame_dense", frame_units, frame_activations)
        pooling = {"pool": ChannelPool(pool, pool_stride)} if pool > 1 else {}
        if pool == pool_stride and stack.channels % pool == 0:  # the same numbers either way, of half the state here
            stack.add(**pooling, flatten=Flatten(frames))
        else:
            stack.add(flatten=Flatten(frames), **pooling)
        stack.add(dropout=nn.Dropout(dropout)).dense("dense", units, unit_activations)
        super().__init__(**stack.labels(labels))
