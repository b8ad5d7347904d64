"""The README is run: its Python as it stands, its commands on a small run, its configs and folders looked up."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import shared

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
LINES = [line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines()]
SLOW = ("export/to_web.py", "export/to_tfjs.py")  # they fetch what they need
COMMANDS = [
    pytest.param(line, marks=pytest.mark.slow) if any(word in line for word in SLOW) else line
    for line in LINES
    if line.startswith("python ") and "data/mine" not in line  # see test_words.py
]


@pytest.mark.parametrize("snippet", SNIPPETS, ids=range(len(SNIPPETS)))
def test_snippets_run(snippet):
    exec(compile(snippet, "README.md", "exec"), {})


@pytest.fixture(scope="module")
def place(trained, exports, tmp_path_factory):
    """Where the commands run one after another, with a run that they may change."""
    folder = tmp_path_factory.mktemp("readme")
    shutil.copytree(trained, folder / "run")
    shutil.copytree(exports, folder / "run" / "export", dirs_exist_ok=True)
    return folder


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_run_on_a_small_run(line, small, place):
    _, *words = shlex.split(line)
    if "benchmarks" in line or "pytest" in line:
        pytest.skip("minutes long: it is for a quiet machine")
    words = [str(ROOT / word) if word.startswith("export/") else word for word in words]
    words = [str(small) if word.startswith("conf/") else word for word in words]
    words = [word.replace("RUN", str(place / "run")) for word in words]
    words = [str(shared("golden", "models", "dnn.npz")) if word == "golden.npz" else word for word in words]
    words = ["4" if word == "60" else word for word in words]  # minutes of a stream
    words = ["training.updates=[2]" if word.startswith("training.updates") else word for word in words]
    if line.startswith("python export/"):
        words += ["--run", str(place / "run")]
    done = subprocess.run(
        [sys.executable, *words], cwd=place, env=dict(os.environ), capture_output=True, text=True, timeout=600
    )
    if done.returncode and re.search("npm cannot fetch|(npm|node) is not installed|pip cannot install", done.stderr):
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_first_command_trains_and_exports_in_ten_minutes(tmp_path):
    """Without the installation, which this environment is: fit, then export, as a new user does."""
    line = next(line for line in LINES if "&& python -m kwsstream.fit" in line).split("&&", 1)[1]
    line = re.sub(r"\b(conf|export)/", rf"{ROOT}/\1/", line).replace("python ", f"{sys.executable} ")
    environment = os.environ | {"KWSSTREAM_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(line, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    for row in ("PyTorch, whole clip", "PyTorch, streamed", "float32.onnx", "int8.tflite", "int16.tflite"):
        assert row in done.stdout


def test_every_file_that_is_named_exists():
    named = set(re.findall(r"`?((?:conf|export|benchmarks|src)/[\w./]+\.(?:py|yaml))", README))
    assert named
    for name in named:
        assert (ROOT / name).is_file(), name


def test_every_config_stands_in_a_table():
    for path in (ROOT / "conf").glob("*.yaml"):
        assert f"`{path.relative_to(ROOT)}`" in README
    for path in (ROOT / "conf" / "paper").rglob("*.yaml"):
        assert f"| {path.relative_to(ROOT / 'conf').with_suffix('')} |" in README
