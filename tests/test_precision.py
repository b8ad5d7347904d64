"""trainer.precision=auto: bfloat16 where the device multiplies it, and float32 elsewhere."""

import pytest
import torch

from kwsstream import config as configs
from kwsstream import fit, precision


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"avx512_bf16": True, "amx_bf16": False}, "bf16-mixed"),
        ({"avx512_bf16": False, "amx_bf16": True}, "bf16-mixed"),
        ({"avx512_f": True, "avx512_bf16": False, "amx_bf16": False}, "32-true"),
        ({"architecture": "arm"}, "32-true"),
    ],
)
def test_auto_follows_the_processor_and_is_said(found, expected, small, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found)
    config = configs.read(small, ["trainer.precision=auto", "trainer.accelerator=cpu", "training.updates=[1]"])
    assert fit.fit(config, tmp_path / "run").precision == expected
    assert f"trainer.precision: auto is {expected} on this machine" in capsys.readouterr().out


def resolved(small, *settings):
    return precision.resolved(configs.read(small, [f"trainer.{setting}" for setting in settings]))


def test_what_is_asked_for_is_what_is_taken(small):
    assert "precision" not in resolved(small)
    assert resolved(small, "precision=bf16-mixed", "devices=2")["precision"] == "bf16-mixed"


def test_no_bfloat16_is_assumed_of_devices_unknown_here(small):
    assert resolved(small, "precision=auto", "accelerator=mps")["precision"] == "32-true"


def test_training_that_rounds_is_not_rounded_twice(small, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    config = configs.read(small, ["trainer.precision=auto", "trainer.accelerator=cpu", "quantise.bits=8"])
    assert precision.resolved(config)["precision"] == "32-true"
