"""Layers put together one by one, with the shape that a clip has behind them: models size their heads by it."""

import torch
from torch import nn

from kwsstream.layers import ACTIVATIONS, Activation
from kwsstream.streaming import evaluating


class Stack:
    """The layers of a model by name, and the `frames`, `frequencies` and `channels` behind the last of them."""

    def __init__(self, frames: int, channels: int):
        self.layers: dict[str, nn.Module] = {}
        self.frames, self.frequencies, self.channels = frames, 1, channels

    @torch.no_grad()
    def add(self, **layers: nn.Module) -> "Stack":
        """Put layers on top. ValueError names the layer that what is left of a clip is too small for."""
        for name, layer in layers.items():
            clip = torch.zeros(1, self.frames, self.frequencies, self.channels)
            try:
                with evaluating(layer):
                    _, self.frames, self.frequencies, self.channels = layer(clip).shape
            except (ValueError, RuntimeError) as error:
                raise ValueError(too_small(name, layer, self, error)) from error
            self.layers[name] = layer
        return self

    def dense(self, name: str, units: list[int], activations: list[Activation]) -> "Stack":
        """Dense layers on each frame."""
        same_lengths(**{f"{name} units": units, f"{name} activations": activations})
        for i, (outputs, activation) in enumerate(zip(units, activations, strict=True), 1):
            self.add(**{f"{name}{i}": nn.Linear(self.channels, outputs)})
            self.add(**{f"{name}_activation{i}": ACTIVATIONS[activation]()})
        return self

    def labels(self, labels: int, bias: bool = True) -> dict[str, nn.Module]:
        """All layers, with the one that gives the logits on top."""
        return self.add(labels=nn.Linear(self.channels, labels, bias)).layers


def too_small(name: str, layer: nn.Module, stack: Stack, error: Exception) -> str:
    """What a layer needs and what it was given, in one line."""
    needs = getattr(layer, "needs", 0)
    if stack.frames < needs:
        return (
            f"layer {name} needs {needs} frames and {stack.frames} are left: "
            "use a longer clip, a smaller kernel, stride or dilation before or in it, or padding causal"
        )
    spans = getattr(layer, "frequency_window", 0)
    if stack.frequencies < spans:
        return (
            f"layer {name} needs {spans} frequency bins and {stack.frequencies} are left: "
            "use more features or a smaller kernel"
        )
    return f"layer {name}: {error}"


def same_lengths(**lists: list) -> None:
    """ValueError unless the lists, one entry a layer each, are of one length."""
    lengths = {name: len(values) for name, values in lists.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"one entry a layer is expected in each list, not {lengths}")
