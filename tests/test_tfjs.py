"""TensorFlow.js: what is exported runs in a browser by name, and is PyTorch's."""

import json
import shutil

import numpy as np
import pytest
import yaml
from web import NODE, browser, served

pytest.importorskip("onnx2tf", reason="the export extra is not installed")

from kwsstream import config as configs
from kwsstream import runs
from kwsstream.errors import UserError
from kwsstream.runners import TorchRunner
from kwsstream.runs import Run, build_model
from kwsstream.tfjs.command import main
from kwsstream.tfjs.export import export
from kwsstream.tfjs.session import TFJS, TfjsSession
from kwsstream.web.npm import fetched

pytestmark = [pytest.mark.slow, pytest.mark.skipif(NODE is None, reason="node is not installed")]

STREAM = """async ([folder, hops]) => {
    const model = await tf.loadGraphModel(`/${folder}model.json`);
    const { input, output, states } = model.metadata;
    let state = Object.fromEntries(states.map(({ name, shape }) => [name, tf.zeros(shape)]));
    return hops.map((hop) => {
        const leaving = model.predict({ ...state, [input.name]: tf.tensor(hop, input.shape) });
        state = Object.fromEntries(states.map(({ name, next }) => [name, leaving[next]]));
        return Array.from(leaving[output.name].dataSync());
    });
}"""


def exported(trained, quantise, place):
    """A run exported as a user does. Skips where what that takes cannot be fetched."""
    try:
        main("", ["--run", str(trained), "--quantise", quantise, "--out", str(place)])
    except UserError as error:
        if "npm" not in str(error) and "pip" not in str(error):
            raise
        pytest.skip(str(error))
    return place


@pytest.fixture(scope="module")
def float32(trained, tmp_path_factory):
    return exported(trained, "none", tmp_path_factory.mktemp("tfjs") / "none")


@pytest.fixture(scope="module")
def hops(trained):
    """A stream of words, float32 (300, samples of a step)."""
    testing = runs.load(trained).data().partition("testing")
    return testing.audio(slice(0, 6)).reshape(300, 320).astype(np.float32) / 32768


def in_browser(folder, parts, hops):
    """The results of the models in a folder one after another, in Chromium."""
    with served(folder) as address, browser() as chromium:
        page = chromium.new_page()
        page.goto(f"{address}{parts[0]}model.json")
        page.add_script_tag(path=fetched(TFJS) / "tf.min.js")
        page.evaluate("tf.setBackend('cpu')")
        x = hops.tolist()
        for part in parts:
            x = page.evaluate(STREAM, [part, x])
    return np.array(x, np.float32)


def test_logits_in_a_browser_are_those_of_pytorch(float32, trained, hops):
    run = runs.load(trained)
    expected = TorchRunner(run.model, run.labels).run(hops.ravel())
    found = in_browser(float32, [""], hops)
    assert np.abs(found - expected).max() <= 1e-5 * np.abs(expected).max()


def test_the_signature_has_the_names_and_the_pairs(float32):
    model = json.loads((float32 / "model.json").read_text())
    signature, metadata = model["signature"], model["userDefinedMetadata"]
    states = metadata["states"]
    assert list(signature["inputs"]) == ["audio", *(state["name"] for state in states)]
    assert list(signature["outputs"]) == ["logits", *(state["next"] for state in states)]
    assert [state["name"].removeprefix("state") for state in states] == [
        state["next"].removeprefix("next") for state in states
    ]
    assert len(states) == 4 and metadata["clock"]["hop_samples"] == 320
    assert metadata["parity"]["steps"] == 300 and metadata["parity"]["step_agreement"] == 100


def test_weights_in_eight_bits_leave_the_front_end_as_it_is(trained, hops, tmp_path, capsys):
    folder = exported(trained, "uint8", tmp_path / "uint8")
    assert "net/model.json" in capsys.readouterr().out
    weights = {
        part: [
            weight.get("quantization", {}).get("dtype")
            for group in json.loads((folder / part / "model.json").read_text())["weightsManifest"]
            for weight in group["weights"]
            if weight["dtype"] == "float32"
        ]
        for part in ("front", "net")
    }
    assert set(weights["front"]) == {None} and set(weights["net"]) == {"uint8"}
    run = runs.load(trained)
    expected = TorchRunner(run.model, run.labels).run(hops.ravel())
    found = in_browser(folder, ["front/", "net/"], hops)
    assert (found.argmax(1) == expected.argmax(1)).mean() >= 0.9


def test_a_model_that_cannot_be_run_is_said(float32, tmp_path):
    shutil.copytree(float32, tmp_path / "spoilt")
    path = tmp_path / "spoilt" / "model.json"
    path.write_text(path.read_text().replace('"Maximum"', '"Unheard"'))
    session = TfjsSession(path.parent)
    with pytest.raises(UserError, match=r"TensorFlow.js cannot run the model.*Unheard"):
        session.step(np.zeros(320, np.float32))


def test_of_micro_features_there_is_the_net_alone(small, tmp_path):
    given = yaml.safe_load(small.read_text().replace("yes, no", "'yes', 'no'")) | {"features": {"kind": "micro"}}
    given["model"] |= {"kernels": [[4, 3], [5, 3]], "strides": [[2, 2], [1, 1]]}
    (tmp_path / "micro.yaml").write_text(yaml.safe_dump(given))
    config = configs.read(tmp_path / "micro.yaml")
    run = Run(tmp_path / "run", config, ["_silence_", "_unknown_", "yes", "no", "up"], build_model(config, 5).eval())
    parities = export(run, "none", tmp_path / "micro")
    assert [path.name for path in (tmp_path / "micro").iterdir()] == list(parities) == ["net"]
    assert parities["net"].step_agreement == 100
