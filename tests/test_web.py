"""The page in a real browser: the numbers of PyTorch, the words of the detector, and what goes wrong, said."""

import json
import shutil
import subprocess

import numpy as np
import pytest
import soundfile
import torch
from torchaudio.functional import resample

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from web import NODE, browser, logits_in, opened

from kwsstream import runs
from kwsstream.detection.settings import save_parameters
from kwsstream.detection.spotter import Spotter, open_model
from kwsstream.detector import Parameters
from kwsstream.errors import UserError
from kwsstream.manifest import sha256
from kwsstream.runners import TorchRunner, open_runner
from kwsstream.web.folder import write_page
from kwsstream.web.npm import Package, fetched

WORDS = ["yes", "no", "up"]
PARAMETERS = Parameters(dict.fromkeys(WORDS, 0.5), window_ms=60)  # low: clip after clip, the small model is not sure
FILES = {
    "litert": "cnn_external_features_float32.tflite",
    "one file": "cnn_external_audio_float32.tflite",
    "onnx": "cnn_external_features_float32.onnx",
    "float16": "cnn_external_features_float16.tflite",
    "dynamic": "cnn_external_features_dynamic.tflite",
    "int8": "cnn_external_features_int8.tflite",
    "int16": "cnn_external_features_int16.tflite",
}
AXE = Package("axe-core", "4.10.3", {"axe.min.js": "axe.min.js"})


def from_npm(work, *arguments):
    """What needs npm, done. Skips where npm is missing or reaches nothing."""
    try:
        return work(*arguments)
    except UserError as error:
        if "npm" not in str(error):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def run(trained):
    return runs.load(trained)


@pytest.fixture(scope="module")
def file(exports, tmp_path_factory):
    """An exported file of the small run, whose manifest has PARAMETERS, with its front end."""
    place = tmp_path_factory.mktemp("file")
    for one in (FILES["litert"], "cnn_external_front_float32.tflite"):
        for name in (one, f"{one}.json"):
            shutil.copyfile(exports / name, place / name)
    save_parameters(place / FILES["litert"], PARAMETERS)
    return place / FILES["litert"]


@pytest.fixture(scope="module")
def folder(run, file, tmp_path_factory):
    """The page of that file."""
    place = tmp_path_factory.mktemp("web") / "page"
    from_npm(write_page, run, file, place)
    return place


@pytest.fixture(scope="module")
def expected(file, audio):
    """What `kwsstream.detect eval` hears with that file: time as the page shows it, and label."""
    _, detections = Spotter(open_model(file)).push(audio.astype(np.float32) / 32768)
    assert len(detections) >= 2
    return [(f"00:{one.sample / 16000:05.2f}", one.label) for one in detections]


@pytest.fixture(scope="module")
def audio(run):
    """A stream of words, int16 as a file has it, 6.4 s."""
    testing = run.data().partition("testing")
    return testing.audio(slice(0, 8)).reshape(-1)[: 320 * 320]


@pytest.fixture(scope="module")
def speech(audio, tmp_path_factory):
    """The stream as a WAV file, and as one of another rate."""
    place = tmp_path_factory.mktemp("speech")
    soundfile.write(place / "16000.wav", audio, 16000)
    soundfile.write(place / "16000.flac", audio, 16000)
    louder = resample(torch.from_numpy(audio / 32768), 16000, 48000)
    soundfile.write(place / "48000.wav", louder.numpy(), 48000)
    return place


@pytest.fixture(scope="module")
def spoken(run, file, tmp_path_factory):
    """A recording for the microphone, and the words in it: such as are heard wherever the first step falls."""
    testing, quiet = run.data().partition("testing"), np.zeros(16000, np.float32)
    words, sound = [], [quiet]
    for clip, label in zip(testing.audio(slice(None)) / np.float32(32768), testing.labels, strict=True):
        late = [np.concatenate([quiet, quiet[:offset], clip, quiet]) for offset in (0, 80, 160, 240)]
        heard = [[one.label for one in Spotter(open_model(file)).push(audio)[1]] for audio in late]
        if heard == 4 * [[run.labels[label]]] and len(words) < 2:
            words.append(run.labels[label])
            sound += [clip, quiet]
    assert words
    path = tmp_path_factory.mktemp("microphone") / "words.wav"
    soundfile.write(path, resample(torch.from_numpy(np.concatenate(sound)), 16000, 48000).numpy(), 48000)
    return path, words


@pytest.fixture(scope="module")
def chromium(spoken):
    microphone = f"--use-file-for-fake-audio-capture={spoken[0]}%noloop"
    with browser(
        "--use-fake-device-for-media-stream", microphone, "--autoplay-policy=no-user-gesture-required"
    ) as started:
        yield started


def heard(page):
    """The words in the page's list, the first one first."""
    items = page.locator("#heard li").all()
    return [(item.locator("time").inner_text(), item.locator("strong").inner_text()) for item in reversed(items)]


def play(page, *paths):
    """Run files through the page, one after another, each to its end."""
    for path in paths:
        page.get_by_label("Sound file").set_input_files(path)
        page.get_by_text(f"The end of {path.name}").wait_for()


@pytest.mark.parametrize("which", FILES)
def test_logits_of_the_page_are_those_of_pytorch(which, run, exports, audio, chromium, folder, tmp_path):
    if which != "litert":
        folder = tmp_path / "page"
        from_npm(write_page, run, exports / FILES[which], folder)
    x = audio.astype(np.float32) / 32768
    with opened(chromium, folder) as page:
        found = logits_in(page, x)
    expected = TorchRunner(run.model, run.labels).run(x)
    assert found.shape == expected.shape == (320, len(run.labels))
    if which.startswith("int"):  # integer kernels of two builds of one runtime: a step of the output's scale or two
        file = open_runner(exports / FILES[which])
        difference = np.abs(found - file.run(x))
        assert difference.max() <= 2.5 * file.manifest.output.scale
    else:
        if which == "dynamic":  # weights in int8: PyTorch's are others
            expected = open_runner(exports / FILES[which]).run(x)
        least = 1e-5 if "float32" in FILES[which] else 1e-2
        assert np.abs(found - expected).max() <= least * np.abs(expected).max()


def test_words_in_a_file_are_those_of_the_detector(expected, speech, chromium, folder):
    with opened(chromium, folder) as page:
        page.get_by_label("Files at the speed of sound").uncheck()
        play(page, speech / "16000.wav")
        assert heard(page) == expected
        assert page.locator("#time").inner_text() == "00:06.40"
        play(page, speech / "16000.flac")  # a stream of its own
        assert heard(page) == 2 * expected
        play(page, speech / "48000.wav")
        assert [word for _, word in heard(page)] == [word for _, word in 3 * expected]


def test_the_microphone_is_heard(spoken, chromium, folder):
    with opened(chromium, folder) as page:
        page.get_by_role("button", name="Microphone").click()
        page.wait_for_function("/00:0[6789]/.test(document.getElementById('time').textContent)", timeout=30_000)
        assert page.get_by_role("button", name="Microphone").get_attribute("aria-pressed") == "true"
        dropped, words = page.locator("#dropped").inner_text(), [word for _, word in heard(page)]
        page.get_by_role("button", name="Stop").click()
        page.get_by_text("Ready", exact=True).wait_for()
    if dropped != "0 ms":
        pytest.skip(f"this machine was too busy to listen in real time: {dropped} were dropped, and counted")
    assert words == spoken[1]


def test_a_denied_microphone_is_said(chromium, folder):
    with opened(chromium, folder, permissions=()) as page:
        page.get_by_role("button", name="Microphone").click()
        alert = page.get_by_role("alert")
        alert.wait_for()
        assert "The microphone is not allowed: allow it" in alert.inner_text()
        page.get_by_role("button", name="clip of no").click()  # the page goes on
        alert.wait_for(state="hidden")


def spoil_bytes(file):
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0xFF
    file.write_bytes(data)


def spoil_with_hash(file):
    """A file that is what model.json says, and no model."""
    file.write_bytes(b"no model" * 1000)
    path = file.parents[1] / "model.json"
    description = json.loads(path.read_text())
    description["files"][-1]["sha256"] = sha256(file)
    path.write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_bytes, "is damaged: its hash is not the one in model.json. Export the page again."),
        (spoil_with_hash, "cannot be run ("),
    ],
)
def test_a_corrupt_model_is_said(spoil, message, chromium, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "page")
    spoil(tmp_path / "page" / "model" / FILES["litert"])
    with opened(chromium, tmp_path / "page") as page:
        assert message in page.get_by_role("alert").inner_text()
        assert page.get_by_role("button", name="Microphone").is_disabled()


def test_what_is_no_sound_is_said(chromium, folder, tmp_path):
    (tmp_path / "x.flac").write_bytes(b"no sound")
    with opened(chromium, folder) as page:
        page.get_by_label("Sound file").set_input_files(tmp_path / "x.flac")
        page.get_by_role("alert").wait_for()
        assert "use WAV or FLAC" in page.get_by_role("alert").inner_text()


def test_thresholds_and_refractory_time_are_obeyed(expected, speech, chromium, folder):
    with opened(chromium, folder) as page:
        page.get_by_label("Files at the speed of sound").uncheck()
        for label in WORDS:
            page.get_by_label(f"Threshold of {label}").fill("1")
        play(page, speech / "16000.wav")
        assert len(heard(page)) < len(expected)
        before = len(heard(page))
        for label in WORDS:
            page.get_by_label(f"Threshold of {label}").fill("0.5")
        page.get_by_label("Refractory time").fill("60000")
        page.get_by_label("Refractory time").blur()
        play(page, speech / "16000.flac")
        assert heard(page)[before:] == expected[:1]


def test_a_clip_is_played_by_keyboard_alone(chromium, folder):
    with opened(chromium, folder) as page:
        for _ in range(10):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent") == "no":
                break
        page.keyboard.press("Enter")
        page.get_by_text("Playing the clip of no").wait_for()
        page.get_by_text("The end of the clip of no").wait_for()
        assert page.locator("#time").inner_text() == "00:01.50"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_is_accessible(scheme, width, chromium, folder):
    axe = from_npm(fetched, AXE) / "axe.min.js"
    with opened(chromium, folder, color_scheme=scheme, viewport={"width": width, "height": 900}) as page:
        page.get_by_label("Files at the speed of sound").uncheck()
        page.get_by_role("button", name="clip of no").click()
        page.get_by_text("The end of the clip of no").wait_for()
        page.add_script_tag(path=axe)
        found = page.evaluate("axe.run()")
        assert [(one["id"], one["nodes"][0]["html"]) for one in found["violations"]] == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_loading_and_a_folder_are_small(folder):
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 16e6


def spot(*words):
    """The lines, exit code and error of the command."""
    line = [NODE, *map(str, words)]
    done = subprocess.run(line, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    return done.stdout.splitlines(), done.returncode, done.stderr


@pytest.mark.skipif(NODE is None, reason="node is not installed")
@pytest.mark.parametrize("which", ["litert", "onnx"])
def test_the_command_hears_what_the_page_hears(which, run, exports, audio, expected, speech, folder, tmp_path):
    if which != "litert":
        folder = tmp_path / "page"
        from_npm(write_page, run, exports / FILES[which], folder)
    command = folder / "spot.mjs"
    lines, code, error = spot(command, "--scores", folder / "model.json", speech / "16000.wav")
    assert (code, error) == (0, "")
    logits = TorchRunner(run.model, run.labels).run(audio.astype(np.float32) / 32768)
    found = np.array([json.loads(line) for line in lines], np.float32)
    assert found.shape == logits.shape and np.abs(found - logits).max() <= 1e-5 * np.abs(logits).max()
    if which == "litert":
        lines, *_ = spot(command, folder / "model.json", speech / "16000.wav")
        assert [(f"00:{float(time):05.2f}", word) for time, word, _ in map(str.split, lines)] == expected
    lines, code, error = spot(command, folder / "model.json", tmp_path / "no.wav")
    assert not lines and code == 1 and error == f"error: {tmp_path}/no.wav cannot be read (ENOENT).\n"
