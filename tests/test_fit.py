import json
import shutil
import signal
import subprocess
import sys
import time

import pytest
import torch

from kwsstream import config as configs
from kwsstream import evaluate, fit, runs
from kwsstream.errors import UserError

LEFT = [
    "config.yaml", "labels.txt", "summary.json", "report.json", "confusion.csv", "confusion.png", "curves.png",
    "checkpoints/best.ckpt", "checkpoints/last.ckpt",
]  # fmt: skip


def command(*words, module="kwsstream.fit", **more):
    return subprocess.Popen(
        [sys.executable, "-m", module, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **more,
    )


def weights(folder, name="last"):
    return torch.load(folder / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]


def same(a, b, **tolerance):
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], **tolerance)


def test_a_run_learns_and_leaves_its_folder(trained):
    for name in LEFT:
        assert (trained / name).stat().st_size > 0, name
    assert len(list((trained / "checkpoints").iterdir())) == 2
    report = json.loads((trained / "report.json").read_text())
    found = report["accuracy"]["testing"]
    assert found["PyTorch, whole clip"] > 80
    assert found["PyTorch, whole clip"] == found["PyTorch, streamed, reset"] == found["PyTorch, streamed, carried"]
    assert report["summary"]["hop_ms"] == 20
    run = runs.load(trained)
    assert run.labels == ["_silence_", "_unknown_", "yes", "no", "up"]
    assert configs.read(trained / "config.yaml") == run.config
    rows = (trained / "confusion.csv").read_text().splitlines()
    assert len(rows) == 6
    assert sum(int(cell) for row in rows[1:] for cell in row.split(",")[1:]) == report["clips"]["testing"]
    assert (trained / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_killed_and_resumed_is_the_run_that_was_not(small, tmp_path):
    settings = ["training.updates=[24]", "training.validate_every=4"]
    whole = command(small, *settings, "--run", tmp_path / "whole")
    _, errors = whole.communicate(timeout=300)
    assert whole.returncode == 0, errors
    broken = command(small, *settings, "--run", tmp_path / "broken")
    while not (tmp_path / "broken" / "checkpoints" / "last.ckpt").is_file() and broken.poll() is None:
        time.sleep(0.01)
    broken.send_signal(signal.SIGKILL)
    broken.communicate()
    assert not (tmp_path / "broken" / "report.json").exists(), "the run ended before it was killed"
    assert torch.load(tmp_path / "broken" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] < 24
    resumed = command(small, *settings, "--run", tmp_path / "broken", "--resume")
    _, errors = resumed.communicate(timeout=300)
    assert resumed.returncode == 0, errors
    same(weights(tmp_path / "broken"), weights(tmp_path / "whole"), rtol=0, atol=0)
    same(weights(tmp_path / "broken", "best"), weights(tmp_path / "whole", "best"), rtol=0, atol=0)
    reports = [json.loads((tmp_path / name / "report.json").read_text())["accuracy"] for name in ("broken", "whole")]
    assert reports[0] == reports[1]


def test_two_processes_train_the_model_that_one_does(small, tmp_path):
    """Nothing is left to chance but the clips of each update, of which each process sees its half."""
    settings = [
        "training.updates=[20]", "training.optimiser=momentum", "model.dropout=0", "augment.resample=0",
        "augment.time_shift_ms=0", "augment.background_volume=0",
    ]  # fmt: skip
    two = ["trainer.devices=2", "trainer.accelerator=cpu", "trainer.strategy=ddp"]
    process = command(small, *two, *settings, "--run", tmp_path / "two")
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert "testing" in output and output.count("run folder:") == 1
    fit.fit(configs.read(small, settings), tmp_path / "one")
    same(weights(tmp_path / "two"), weights(tmp_path / "one"), rtol=1e-3, atol=1e-5)
    assert (tmp_path / "two" / "report.json").is_file()


def test_mixed_precision_and_compilation_reach_the_net_alone(small, tmp_path, monkeypatch):
    seen = []

    def compiled(forward):
        def run(features):
            logits = forward(features)
            seen.append((features.dtype, logits.dtype))
            return logits

        return run

    monkeypatch.setattr(torch, "compile", compiled)
    settings = ["training.compile=true", "training.updates=[3]", "training.validate_every=3"]
    fit.fit(configs.read(small, [*settings, "trainer.precision=bf16-mixed"]), tmp_path / "mixed")
    assert seen == [(torch.float32, torch.bfloat16)] * 3, "validation is not compiled"
    fit.fit(configs.read(small, settings), tmp_path / "full")
    assert seen[3:] == [(torch.float32, torch.float32)] * 3
    mixed, full = weights(tmp_path / "mixed"), weights(tmp_path / "full")
    assert all(weight.dtype == torch.float32 for weight in mixed.values())
    same(mixed, full, rtol=0.1, atol=0.01)
    assert any(not torch.equal(mixed[key], full[key]) for key in full)


@pytest.mark.slow
def test_a_compiled_net_trains_alike(small, tmp_path):
    settings = ["training.updates=[3]", "model.dropout=0"]
    for name, more in {"plain": [], "compiled": ["training.compile=true"]}.items():
        fit.fit(configs.read(small, [*settings, *more]), tmp_path / name)
    same(weights(tmp_path / "compiled"), weights(tmp_path / "plain"), rtol=1e-3, atol=1e-4)


def test_patience_ends_a_run_early(small, tmp_path):
    config = configs.read(small, ["training.updates=[400]", "training.patience=1", "training.validate_every=5"])
    fit.fit(config, tmp_path / "run")
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] < 400


def test_masks_and_every_optimiser_train(small, tmp_path):
    for name in ("adamw", "momentum", "novograd"):
        settings = [f"training.optimiser={name}", "training.updates=[2]", "masks.spec_augment={}", "masks.cutout={}"]
        fit.fit(configs.read(small, settings), tmp_path / name)
        assert (tmp_path / name / "checkpoints" / "best.ckpt").is_file()


def test_gradients_can_be_clipped_in_mixed_precision(small, tmp_path):
    settings = ["trainer.gradient_clip_val=0.5", "trainer.precision=bf16-mixed", "training.updates=[2]"]
    fit.fit(configs.read(small, settings), tmp_path / "run")


def test_validation_smaller_than_a_batch_works(small, tmp_path):
    fit.fit(configs.read(small, ["data.batch_size=150", "training.updates=[1]"]), tmp_path / "run")
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").is_file()


def test_a_loss_that_is_not_finite_ends_the_run(small, tmp_path):
    settings = ["training.rates=[1e30]", "training.optimiser=momentum"]
    with pytest.raises(UserError, match="the loss became nan"):
        fit.fit(configs.read(small, settings), tmp_path / "run")


def failed(*words, module="kwsstream.fit"):
    """The one line of a command that fails."""
    process = command(*words, module=module)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    lines = [line for line in errors.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1 and "Traceback" not in errors, errors
    return lines[0]


def test_commands_fail_in_one_line(small, trained, tmp_path):
    assert "data.wrods: unknown key" in failed(small, "data.wrods=3")
    assert "holds a run already" in failed(small, "--run", trained)
    assert "is not a run folder" in failed(tmp_path, module="kwsstream.evaluate")


def test_a_place_that_cannot_be_written_is_named(small, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="cannot write"):
        fit.fit(configs.read(small), tmp_path / "file" / "run")


def test_resuming_nothing_says_so(tmp_path, monkeypatch):
    monkeypatch.delenv(fit.FOLDER, raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match="no run of small"):
        fit.folder_of("small", None, resume=True)
    with pytest.raises(UserError, match="nothing to resume"):
        fit.folder_of("small", tmp_path, resume=True)


def test_a_checkpoint_of_another_config_is_refused(small, trained):
    with pytest.raises(UserError, match=r"belongs to another config: its model.units is \[16\], this config's \[12\]"):
        fit.fit(configs.read(small, ["model.units=[12]"]), trained)


def test_a_broken_checkpoint_is_refused(trained, tmp_path):
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    for name in ("config.yaml", "labels.txt"):
        (folder / name).write_bytes((trained / name).read_bytes())
    whole = (trained / "checkpoints" / "best.ckpt").read_bytes()
    (folder / "checkpoints" / "best.ckpt").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="is not a whole checkpoint"):
        runs.load(folder)


def test_the_newest_run_is_found(trained, tmp_path):
    assert runs.newest(trained.parent) == trained
    with pytest.raises(UserError, match="no run in"):
        runs.newest(tmp_path)


def test_evaluate_prints_every_way_and_saves_the_confusion(trained, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["evaluate", str(trained), "--partition", "validation", "testing"])
    evaluate.main()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 6
    assert (trained / "evaluation" / "testing_PyTorch_streamed_carried.csv").is_file()


def test_training_needs_nothing_of_the_export_extra():
    absent = ["onnx", "onnxruntime", "onnxscript", "onnx2tf", "tensorflow", "ai_edge_litert"]
    program = f"import sys; sys.modules.update(dict.fromkeys({absent})); import kwsstream.fit, kwsstream.evaluate"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_missing_background_recordings_end_a_run_in_one_line(small, tones, tmp_path):
    root = tmp_path / "quiet"
    shutil.copytree(tones, root, ignore=shutil.ignore_patterns("_background_noise_"))
    with pytest.raises(UserError, match="no background recording"):
        fit.fit(configs.read(small, [f"data.root={root}"]), tmp_path / "run")
    assert not (tmp_path / "run").exists(), "a run that cannot start leaves no folder"
