"""Batch norm over the last dimension, where channels are, and over bands of frequency."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON, MOMENTUM = 1e-3, 0.1


class Norm(nn.Module):
    """Batch norm of channels (Ioffe & Szegedy, 2015), with an epsilon of 0.001, which is TensorFlow's.

    `scale=False` leaves the trained factor out.
    """

    def __init__(self, channels: int, scale: bool = True):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels)) if scale else None
        self.bias = nn.Parameter(torch.zeros(channels))
        self.register_buffer("running_mean", torch.zeros(channels))
        self.register_buffer("running_var", torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Norm of x (..., channels); in training by the statistics of the batch, which also move the running ones."""
        if not self.training:
            factor, shift = self.affine()
            return x * factor + shift
        mean, variance = self.running_mean, self.running_var
        flat = x.reshape(-1, x.shape[-1])
        return F.batch_norm(flat, mean, variance, self.weight, self.bias, True, MOMENTUM, EPSILON).view(x.shape)

    def affine(self) -> tuple[Tensor, Tensor]:
        """Factor and shift (channels,) that the norm amounts to in eval mode."""
        factor = torch.rsqrt(self.running_var + EPSILON)
        factor = factor if self.weight is None else factor * self.weight
        return factor, self.bias - self.running_mean * factor

    def folded(self, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, Tensor]:
        """Weight (outputs, ...) and bias of a linear layer that does the norm of its outputs as well."""
        factor, shift = self.affine()
        weight = weight * factor.view(-1, *[1] * (weight.ndim - 1))
        return weight, shift if bias is None else bias * factor + shift


class SubSpectralNorm(nn.Module):
    """Batch norm of each channel in each of `groups` sets of frequencies (Chang et al., 2021).

    As in the original, every groups-th frequency belongs to one set.
    """

    def __init__(self, channels: int, groups: int):
        super().__init__()
        self.groups = groups
        self.norm = Norm(channels * groups)

    def forward(self, x: Tensor) -> Tensor:
        batch, time, frequencies, channels = x.shape
        if frequencies % self.groups:
            raise ValueError(f"{frequencies} frequencies are not a multiple of the {self.groups} groups: change either")
        if not self.training:
            factor, shift = (
                v.view(self.groups, channels).repeat(frequencies // self.groups, 1) for v in self.norm.affine()
            )
            return x * factor + shift
        grouped = x.reshape(batch, time, frequencies // self.groups, self.groups * channels)
        return self.norm(grouped).reshape(x.shape)
