"""weights.h, and the C program that streams features through it: the simulation, bit for bit."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from fixed_nets import HELLO_EDGE_DNN, HELLO_EDGE_DS_CNN, INPUTS, NETS, found_for, integers, seasoned
from torch import nn

from kwsstream import config, fit, runs
from kwsstream.errors import UserError
from kwsstream.evaluate import score_run
from kwsstream.fixed.__main__ import found_formats, main
from kwsstream.fixed.formats import quantise
from kwsstream.fixed.header import header, sources
from kwsstream.fixed.layers import Weighted
from kwsstream.fixed.network import FEATURES
from kwsstream.fixed.report import int8_model, judge
from kwsstream.fixed.search import Found, search
from kwsstream.streaming import Sequential, flatten


@pytest.fixture(scope="module", params=NETS)
def net(request) -> Sequential:
    return seasoned(request.param)


@pytest.fixture(scope="module")
def found(net) -> Found:
    return found_for(net)


def compiled(folder, found: Found, inputs: int, labels: list[str]):
    """A program that streams features from standard input to logits on standard output, and the state in the end."""
    if not shutil.which("gcc"):
        pytest.skip("there is no gcc to compile the C files with")
    (folder / "weights.h").write_text(header(found, inputs, labels, "a test"))
    for name, source in sources().items():
        (folder / name).write_text(source)
    return compile_stream(folder)


def compile_stream(folder):
    (folder / "stream.c").write_text(
        """
        #include <stdio.h>
        #include "kws.h"

        int main(void)
        {
            static kws_state state, another;
            int8_t features[KWS_STEP_FRAMES * KWS_FEATURES], logits[KWS_LABELS];
            kws_step(&state, (const int8_t[KWS_STEP_FRAMES * KWS_FEATURES]){1}, logits);
            kws_reset(&state);
            while (fread(features, sizeof features, 1, stdin)) {
                kws_step(&state, features, logits);
                fwrite(logits, sizeof logits, 1, stdout);
                kws_step(&another, features, logits);
            }
            fwrite(&state, sizeof state, 1, stdout);
            return 0;
        }
        """
    )
    flags = ["-std=c99", "-O1", "-Wall", "-Wextra", "-Werror", "-pedantic"]
    checks = ["-fsanitize=undefined", "-fno-sanitize-recover=all"]
    checks = checks if has_sanitiser(folder) else []  # not every gcc comes with its library
    files = [folder / "stream.c", folder / "kws.c", "-o", folder / "stream"]
    subprocess.run(["gcc", *flags, *checks, *files], check=True)
    return folder / "stream"


def has_sanitiser(folder) -> bool:
    (folder / "empty.c").write_text("int main(void) { return 0; }\n")
    command = ["gcc", "-fsanitize=undefined", folder / "empty.c", "-o", folder / "empty"]
    return subprocess.run(command, capture_output=True).returncode == 0


def check_stream(program, network: Sequential, features: torch.Tensor) -> None:
    """The program's logits and last state are the simulation's, bit for bit."""
    done = subprocess.run([program], input=features.numpy().tobytes(), capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    logits, state = network.step(features)
    states = [tensor.numpy().tobytes() for tensor in flatten(state).values()]
    assert logits.shape[1] >= 300
    assert logits.unique().numel() > 20, "logits that hardly change say little"
    assert done.stdout == b"".join([logits.numpy().tobytes(), *states])


def test_c_is_the_simulation_bit_for_bit(found, tmp_path):
    program = compiled(tmp_path, found, INPUTS, list("abcd"))
    check_stream(program, found.network, integers(1, 400 * found.network.timing.stride, 1, INPUTS))


def test_weights_lie_as_cmsis_nn_wants_them(net, found):
    text = header(found, INPUTS, list("abcd"), "a test")
    for name, layer in found.network.named_children():
        if isinstance(layer, Weighted):
            axes = (2, 3, 0, 1) if layer.groups > 1 else (0, 2, 3, 1)
            assert defined(text, f"{name.upper()}_WT") == layer.weight.permute(axes).flatten().tolist()
            assert defined(text, f"{name.upper()}_BIAS") == layer.bias.tolist()


def defined(text: str, name: str) -> list[int]:
    """The numbers of an initialiser."""
    block = re.search(rf"#define {name} \{{(.*?)\}}", text, re.DOTALL)[1]
    return [int(number) for number in re.findall(r"-?\d+", block)]


@pytest.fixture(scope="module", params=["dnn", "ds_cnn"])
def run(request, small, tmp_path_factory):
    """A run of each of Hello Edge's two models on the tones."""
    shape = {"dnn": HELLO_EDGE_DNN, "ds_cnn": HELLO_EDGE_DS_CNN}[request.param]
    given = config.read(small).model_dump(mode="json") | {"model": {"name": request.param, **shape, "dropout": 0.0}}
    given["training"] |= {"updates": [40], "rates": [0.01], "validate_every": 20}
    folder = tmp_path_factory.mktemp("fixed") / request.param
    fit.fit(config.parse(given, "the test"), folder)
    fit.finish(folder, 0.0)
    return folder


def command(monkeypatch, *words) -> None:
    monkeypatch.setattr(sys, "argv", ["fixed", *map(str, words)])
    main()


def test_the_command_prints_accuracies_and_its_files_stream_real_features(run, tmp_path, monkeypatch, capsys):
    command(monkeypatch, run, "--out", tmp_path / "c", "--clips", 60)
    reached = re.findall(r"accuracy ([\d.]+) % of \d+ clips, in float ([\d.]+) %", capsys.readouterr().out)
    assert len(reached) == 3
    for ours, theirs in reached:
        assert abs(float(ours) - float(theirs)) <= 5
        assert float(theirs) > 60, "a model that has learned nothing says nothing"
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["kws.c", "kws.h", "weights.h"]
    assert (
        '#define KWS_LABEL_NAMES {"_silence_", "_unknown_", "yes", "no", "up"}'
        in (tmp_path / "c" / "weights.h").read_text()
    )
    streamed_by_c(runs.load(run), tmp_path)


def streamed_by_c(loaded: runs.Run, folder) -> None:
    """Real features through the program and the simulation of the same formats."""
    front, audio = loaded.model.front, loaded.data().partition("training").audio(slice(16))
    audio = torch.from_numpy(audio.astype(np.float32) / 32768).reshape(1, -1, 1, 1)
    with torch.no_grad():
        features = front(audio)
        found = search(loaded.model.net, features.reshape(1, -1, 1, features.shape[3])[:, :490].reshape(10, 49, 1, -1))
    steps = features.shape[1] // loaded.model.net.timing.stride
    features = features[:, : steps * loaded.model.net.timing.stride]
    program = compiled(folder, found, front.outputs, loaded.labels)
    check_stream(program, found.network, quantise(features, found.formats[FEATURES]))


def test_behind_its_front_end_it_is_judged_as_any_model(run):
    loaded = runs.load(run)
    testing, found = loaded.data().partition("testing"), found_formats(loaded, 20)
    whole, *streamed = score_run(int8_model(loaded.model.front, found), loaded.labels, testing)
    assert whole.logits.dtype == np.int8
    np.testing.assert_array_equal(whole.logits, judge(loaded.model, found, testing, "testing")[1].logits)
    floats = score_run(loaded.model, loaded.labels, testing)[1:]
    for ours, theirs in zip(streamed, floats, strict=True):
        assert ours.logits.dtype == np.int8
        assert (ours.logits.argmax(1) == theirs.logits.argmax(1)).mean() > 0.9


def test_a_run_without_fixed_point_and_no_clips_end_in_an_error_and_no_files(run, trained, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="--clips 0: expected at least one"):
        command(monkeypatch, run, "--out", tmp_path / "c", "--clips", 0)
    loaded = runs.load(trained)
    loaded.model.net.activation2 = nn.ReLU6()
    monkeypatch.setattr(runs, "load", lambda folder: loaded)
    with pytest.raises(UserError, match="layer activation2 is ReLU6"):
        command(monkeypatch, trained, "--out", tmp_path / "c")
    assert not (tmp_path / "c").exists()
