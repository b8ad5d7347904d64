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


def test_what_is_asked_for_is_what_is_taken():
    for given in ({}, {"precision": "32-true"}, {"precision": "bf16-mixed", "devices": 2}):
        assert precision.resolved(given) == given


def test_no_bfloat16_is_assumed_of_devices_unknown_here():
    assert precision.resolved({"precision": "auto", "accelerator": "mps"})["precision"] == "32-true"
