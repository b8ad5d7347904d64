"""The commands as a user runs them: a table at the end, or one line and exit code 1."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

ROOT = Path(__file__).parents[1]


def command(name, *arguments):
    """A command in a process of its own, its interpreter's environment not activated."""
    environment = os.environ | {"PATH": os.defpath, "PYTHONPATH": str(ROOT / "src")}
    line = [sys.executable, str(ROOT / "export" / name), *map(str, arguments)]
    return subprocess.run(line, capture_output=True, text=True, env=environment, check=False)


def test_a_run_becomes_a_file_and_a_table(trained, tmp_path):
    done = command("to_tflite.py", "--precision", "float32", "int8", "--run", trained, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "int8 take features" in done.stderr
    table = done.stdout.splitlines()
    assert table[0].split()[0] == "file" and len(table) >= 6
    for name in ("cnn_external_audio_float32", "cnn_external_front_float32", "cnn_external_features_int8"):
        assert (tmp_path / f"{name}.tflite").is_file() and (tmp_path / f"{name}.tflite.json").is_file()
        assert sum(line.startswith(f"{name}.tflite ") for line in table) == 1
    assert "XNNPACK" not in done.stderr and "WARNING" not in done.stderr


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("to_tflite.py", ["--run", "{tmp}"], "is not a run folder"),
        ("to_onnx.py", ["--run", "{run}", "--stream", "internal"], "an ONNX file keeps no state"),
        ("to_onnx.py", ["--run", "{run}", "--out", "{tmp}/file"], "cannot write .*file"),
    ],
)
def test_what_a_user_can_cure_is_one_line(name, arguments, message, trained, tmp_path):
    (tmp_path / "file").touch()
    done = command(name, *(argument.format(run=trained, tmp=tmp_path) for argument in arguments))
    assert done.returncode == 1
    assert re.match(f"error: .*{message}", done.stderr.splitlines()[-1])
    assert "Traceback" not in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
