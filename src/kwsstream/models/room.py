"""How many frames and bins of a clip are left for the next layer: models size their heads by it."""

from dataclasses import dataclass

from kwsstream.layers import Conv


@dataclass(frozen=True)
class Room:
    """Frames of a clip and frequency bins of a frame that reach a layer."""

    frames: int
    bins: int

    def after(self, name: str, conv: Conv) -> "Room":
        """What is left behind a convolution. ValueError where its kernel no longer fits."""
        needed = conv.timing.warmup + conv.timing.stride
        if self.frames < needed:
            raise ValueError(
                f"layer {name} needs {needed} frames and {self.frames} are left: "
                "use a longer clip, a smaller kernel, stride or dilation before or in it, or padding causal"
            )
        bins = self.bins + conv.below + conv.above
        spans = (conv.conv.kernel_size[1] - 1) * conv.conv.dilation[1] + 1
        if bins < spans:
            raise ValueError(
                f"layer {name} needs {spans} frequency bins and {bins} are left: use more features or a smaller kernel"
            )
        return Room(conv.timing.frames(self.frames), (bins - spans) // conv.conv.stride[1] + 1)


def same_lengths(**lists: list) -> None:
    """ValueError unless the lists, one entry a layer each, are of one length."""
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"one entry a layer is expected in each list, not {lengths}")
