"""The numbers that training computes with, where a config leaves that to the machine: `trainer.precision=auto`.

bfloat16 has the range of float32 and 8 of its 24 bits. Where the device multiplies it in hardware, convolutions and
dense layers take it (Lightning's bf16-mixed), in about half the time of float32; elsewhere it would be emulated.
Weights, their updates, features and the loss are float32 either way, and so is all evaluation and export.
"""

from typing import Any

import torch

from kwsstream.config import Config

MIXED, FULL = "bf16-mixed", "32-true"
OF_CPUS = ("avx512_bf16", "amx_bf16")  # instructions of x86 that multiply bfloat16


def resolved(config: Config) -> dict[str, Any]:
    """A config's arguments of Lightning's Trainer, with the precision of this machine in place of "auto".

    Training that rounds to integers (`quantise.bits`) is float32 then: bfloat16 would round once more.
    """
    trainer = config.trainer
    if trainer.get("precision") != "auto":
        return trainer
    mixed = not config.quantise.bits and has_bfloat16(trainer.get("accelerator", "auto"))
    return trainer | {"precision": MIXED if mixed else FULL}


def has_bfloat16(accelerator: str) -> bool:
    """Whether the device that Lightning takes for this accelerator multiplies bfloat16 in hardware."""
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if accelerator not in ("auto", "cpu") or (accelerator == "auto" and torch.backends.mps.is_available()):
        return False
    found = torch.cpu.get_capabilities()
    return any(found.get(name, False) for name in OF_CPUS)
