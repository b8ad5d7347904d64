"""The converter of TensorFlow.js, in an environment of its own.

The package wants other versions of numpy and protobuf than onnx2tf pins, and with it JAX and decision forests, 3 GB
that no conversion of a SavedModel touches. So it is installed alone, in a folder that only its process sees, which
shares TensorFlow with this one; convert.py, which that process runs, stands in for what is left out.
"""

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path
from typing import Literal

from kwsstream.errors import UserError
from kwsstream.extra import extra
from kwsstream.files import cache_folder, making, whole

Quantise = Literal["none", "float16", "uint8", "uint16"]

PACKAGES = ["tensorflowjs==4.22.0", "tensorflow-hub==0.16.1"]
SHARD_BYTES = 4 * 1024 * 1024


def convert(saved: Path, folder: Path, quantise: Quantise) -> None:
    """Write the graph model of a SavedModel. UserError where the converter cannot be installed, or fails."""
    script = Path(__file__).with_name("convert.py")
    line = [sys.executable, str(script), str(saved), str(folder), quantise, str(SHARD_BYTES)]
    path = os.pathsep.join([str(environment()), os.environ.get("PYTHONPATH", "")])
    done = run(line, os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""})
    if done.returncode:
        raise UserError(f"conversion to TensorFlow.js failed ({last_words(done)}): use layers that it converts")


def environment() -> Path:
    """The folder that the converter is installed in, after it is."""
    extra("tensorflow")
    folder = cache_folder() / f"tensorflowjs-{PACKAGES[0].split('==')[1]}"
    with making(folder):
        if not folder.is_dir():
            print(f"installing {' and '.join(PACKAGES)} in {folder}", file=sys.stderr)
            with whole(folder) as beside:
                install(beside)
    return folder


def install(folder: Path) -> None:
    try:
        importlib.metadata.version("pip")
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError("pip is not installed, and it installs the converter: run python -m ensurepip") from error
    line = [sys.executable, "-m", "pip", "install", "--quiet", "--no-input", "--no-deps", "--target", str(folder)]
    done = run([*line, *PACKAGES], dict(os.environ))
    if done.returncode:
        raise UserError(f"pip cannot install {' '.join(PACKAGES)} ({last_words(done)}): check the network")


def run(line: list[str], environment: dict[str, str]) -> subprocess.CompletedProcess:
    return subprocess.run(line, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)


def last_words(done: subprocess.CompletedProcess) -> str:
    """What a program said last."""
    lines = (done.stderr or done.stdout).strip().splitlines()
    return lines[-1][:300] if lines else f"exit code {done.returncode}"
