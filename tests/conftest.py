"""What the tests share: the reference material, a small corpus of tones, and a run trained on it."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

import kwsstream  # noqa: F401 (before torch: it settles how threads wait)

SHARED = Path(__file__).parents[2] / "shared"
TONES_HZ = {"yes": 500, "no": 1000, "up": 2000, "down": 3000}


def shared(*parts: str) -> Path:
    """A file or folder of the reference material beside the repository. Skips where it is absent."""
    path = SHARED.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"the reference material {'/'.join(parts)} is not beside the repository")
    return path


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory) -> Path:
    """A cache folder of the tests' own."""
    os.environ["KWSSTREAM_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    return Path(os.environ["KWSSTREAM_CACHE"])


@pytest.fixture(scope="session")
def tones(tmp_path_factory) -> Path:
    """A corpus in the layout of Speech Commands whose words are tones in noise: easy to learn, real to decode."""
    root, draw = tmp_path_factory.mktemp("tones"), np.random.default_rng(0)
    seconds = np.arange(16000) / 16000
    for word, hz in TONES_HZ.items():
        (root / word).mkdir()
        for speaker in range(60):
            tone = np.sin(2 * np.pi * hz * draw.uniform(0.95, 1.05) * seconds) * np.hanning(16000)
            clip = draw.uniform(0.2, 0.8) * tone + 0.02 * draw.standard_normal(16000)
            name = hashlib.sha1(str(speaker).encode()).hexdigest()[:8]
            soundfile.write(root / word / f"{name}_nohash_0.wav", clip, 16000)
    (root / "_background_noise_").mkdir()
    soundfile.write(root / "_background_noise_" / "noise.wav", 0.3 * draw.standard_normal(64000).clip(-1, 1), 16000)
    return root


@pytest.fixture(scope="session")
def small(tones, tmp_path_factory) -> Path:
    """The config of a small CNN on the tones."""
    path = tmp_path_factory.mktemp("conf") / "small.yaml"
    path.write_text(
        f"""
data: {{corpus: folder, root: {tones}, words: [yes, no, up], batch_size: 20}}
features: {{window_ms: 40, hop_ms: 20, mels: 20, coefficients: 10}}
model:
  name: cnn
  filters: [8, 8]
  kernels: [[3, 3], [5, 3]]
  strides: [[1, 2], [1, 1]]
  dilations: [[1, 1], [2, 1]]
  activations: [relu, relu]
  units: [16]
  unit_activations: [relu]
  dropout: 0.1
training: {{optimiser: adam, updates: [30], rates: [0.003], validate_every: 10}}
trainer: {{enable_progress_bar: false}}
"""
    )
    return path


@pytest.fixture(scope="session")
def trained(small, tmp_path_factory) -> Path:
    """The folder of a finished run of the small config."""
    from kwsstream import config, fit

    folder = tmp_path_factory.mktemp("runs") / "small"
    fit.fit(config.read(small), folder)
    fit.finish(folder, 0.0)
    return folder


@pytest.fixture(scope="session")
def exports(trained, tmp_path_factory) -> Path:
    """A folder with the small run in every format, stream, input and precision, each proven as it was made."""
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    from kwsstream import runs
    from kwsstream.export.exporter import Exporter
    from kwsstream.export.tflite import PRECISIONS

    folder, run = tmp_path_factory.mktemp("export"), runs.load(trained)
    less = {"parity_steps": 300, "calibration_steps": 1500}
    for stream in ("external", "internal", "none"):
        Exporter(run, "tflite", stream, **less).export(PRECISIONS, "audio", folder)
    Exporter(run, "tflite", "external", **less).export(["float32", "float16", "dynamic"], "features", folder)
    for stream in ("external", "none"):
        for taken in ("audio", "features"):
            Exporter(run, "onnx", stream, **less).export(["float32"], taken, folder)
    return folder
