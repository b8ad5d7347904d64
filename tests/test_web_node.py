"""The page's modules in Node: each equal to what it stands for in Python."""

import json
import subprocess

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import resample
from web import NODE, SITE

from kwsstream.detector import Detector, Parameters

pytestmark = pytest.mark.skipif(NODE is None, reason="node is not installed")


def node(script: str, given=None):
    """What a script prints as JSON; `given` is JSON on its standard input."""
    read = "import { readFileSync } from 'node:fs';\nconst given = JSON.parse(readFileSync(0, 'utf8') || 'null');\n"
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", read + script],
        input=json.dumps(given),
        cwd=SITE,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


DETECT = """
import { Detector } from './detector.js';
console.log(JSON.stringify(given.map(({ parameters, labels, hop, rate, scores }) => {
  const detector = new Detector(parameters, labels, hop, rate);
  return scores.map((one) => detector.push(Float32Array.from(one))).filter(Boolean);
})));
"""


def stream(seed: int) -> dict:
    """Scores that rise and fall as words come and go, and a detector that is anything it may be."""
    draw = np.random.default_rng(seed)
    labels = ["_silence_", "yes", "no", "up"][: draw.integers(2, 5)]
    walk = np.cumsum(draw.normal(0, draw.uniform(0.2, 2), (400, len(labels))), axis=0)
    scores = torch.from_numpy(walk).float().softmax(1).numpy()
    if seed % 3 == 0:
        scores = np.round(scores, 1)  # equal means, and means that equal a threshold
    thresholds = {label: round(draw.uniform(0.1, 0.95), 2) for label in labels[1:] if draw.random() < 0.9}
    parameters = {
        "thresholds": thresholds or {labels[1]: 0.5},
        "window_ms": float(draw.choice([0, 20, 50, 100, 330])),
        "minimum_count": int(draw.integers(1, 5)),
        "refractory_ms": float(draw.choice([0, 30, 500, 2000])),
        "hysteresis": float(draw.choice([0, 0.2, 0.7])),
    }
    hop, rate = int(draw.choice([160, 320, 480])), 16000
    return {"parameters": parameters, "labels": labels, "hop": hop, "rate": rate, "scores": scores.tolist()}


def test_the_detector_is_that_of_python():
    streams = [stream(seed) for seed in range(60)]
    fired = 0
    for one, found in zip(streams, node(DETECT, streams), strict=True):
        detector = Detector(Parameters(**one["parameters"]), one["labels"], one["hop"], one["rate"])
        expected = detector.push(np.array(one["scores"], np.float32))
        assert [(d["label"], d["score"], d["sample"]) for d in found] == [tuple(d) for d in expected]
        fired += len(expected)
    assert fired > 200


RESAMPLE = """
import { Resampler, resample } from './resample.js';
console.log(JSON.stringify(given.map(({ from, cut, x }) => {
  const samples = Float32Array.from(x);
  const resampler = new Resampler(from, 16000);
  const parts = [];
  for (let at = 0; at < samples.length; at += cut) parts.push(...resampler.push(samples.subarray(at, at + cut)));
  return { whole: Array.from(resample(samples, from, 16000)), cut: [...parts, ...resampler.finish()] };
})));
"""


def test_resampling_is_that_of_the_training_data():
    draw = np.random.default_rng(0)
    cases = [
        {"from": rate, "cut": cut, "x": (0.3 * draw.standard_normal(rate // 10 + 7)).astype(np.float32).tolist()}
        for rate, cut in [(8000, 128), (16000, 128), (22050, 1000), (44100, 128), (48000, 128), (96000, 333)]
    ]
    for case, found in zip(cases, node(RESAMPLE, cases), strict=True):
        expected = resample(torch.tensor(case["x"], dtype=torch.float64), case["from"], 16000).numpy()
        np.testing.assert_allclose(found["whole"], expected, atol=2e-6)
        np.testing.assert_allclose(found["cut"], expected, atol=2e-6)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("format", ["WAV", "WAVEX"])
def test_wav_files_are_read(subtype, format, tmp_path):
    sound = np.random.default_rng(0).uniform(-0.9, 0.9, (300, 2))
    soundfile.write(tmp_path / "x.wav", sound, 22050, subtype, format=format)
    script = """
        import { readWav } from './wav.js';
        const { samples, rate } = readWav(new Uint8Array(readFileSync(given)));
        console.log(JSON.stringify({ samples: Array.from(samples), rate }));
    """
    found = node(script, str(tmp_path / "x.wav"))
    expected, _ = soundfile.read(tmp_path / "x.wav", dtype="float32")
    assert found["rate"] == 22050
    np.testing.assert_allclose(found["samples"], expected.mean(1), atol=1e-7)


def test_audio_that_waits_too_long_is_dropped_and_counted():
    script = """
        import { Queue } from './queue.js';
        const queue = new Queue(10);
        for (let i = 0; i < 5; i++) queue.push(Float32Array.of(i, i, i));
        const left = [];
        for (let chunk; (chunk = queue.shift()); ) left.push(chunk[0]);
        console.log(JSON.stringify({ left, dropped: queue.dropped, length: queue.length }));
    """
    assert node(script) == {"left": [2, 3, 4], "dropped": 6, "length": 0}
