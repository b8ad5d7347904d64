"""The parameters of a detector: beside their file, changed without an export, refused where they cannot be."""

import json
import shutil

import pytest

from kwsstream import detect, manifest, runs
from kwsstream.detection.settings import changed, file_parameters, save_parameters
from kwsstream.detection.spotter import open_model
from kwsstream.detector import Parameters
from kwsstream.errors import UserError

NAME = "cnn_external_audio_float32.onnx"


def test_parameters_change_without_an_export(exports, tmp_path, capfd):
    for file in (NAME, f"{NAME}.json"):
        shutil.copy(exports / file, tmp_path)
    before, file = (tmp_path / f"{NAME}.json").read_text(), tmp_path / NAME
    assert json.loads(before)["detector"]["thresholds"] == {"yes": 0.8, "no": 0.8, "up": 0.8}
    detect.main(["set", "--file", str(file), "window_ms=300", "thresholds.yes=0.25", "thresholds.no=null"])
    expected = Parameters({"yes": 0.25, "up": 0.8}, window_ms=300)
    assert file_parameters(file) == expected == open_model(file).parameters
    detect.main(["set", "--file", str(file)])
    assert '"window_ms": 300' in capfd.readouterr().out
    save_parameters(file, Parameters({"yes": 0.8, "no": 0.8, "up": 0.8}))
    assert (tmp_path / f"{NAME}.json").read_text() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, f"{NAME}.json"]


def test_a_manifest_without_parameters_has_the_defaults(exports, tmp_path):
    shutil.copy(exports / NAME, tmp_path)
    values = json.loads((exports / f"{NAME}.json").read_text())
    for text, message in (
        ({}, None),
        ({"detector": {"thresholds": {"yes": 2.0}}}, "thresholds.yes=2.0: expected 1e-06 to 1"),
        ({"detector": {"window": 1.0}}, "detector.*window"),
    ):
        (tmp_path / f"{NAME}.json").write_text(json.dumps({k: v for k, v in values.items() if k != "detector"} | text))
        if message:
            with pytest.raises(UserError, match=message):
                file_parameters(tmp_path / NAME)
        else:
            assert file_parameters(tmp_path / NAME) == Parameters({"yes": 0.8, "no": 0.8, "up": 0.8})


def test_an_export_takes_the_parameters_of_its_run(trained, tmp_path):
    pytest.importorskip("onnxscript", reason="the export extra is not installed")
    from kwsstream.export.exporter import Exporter

    run = shutil.copytree(trained, tmp_path / "run")
    save_parameters(run, Parameters({"up": 0.4}))
    Exporter(runs.load(run), "onnx", "external", parity_steps=5).export(["float32"], "audio", tmp_path / "export")
    assert manifest.read_manifest(tmp_path / "export" / NAME).detector == Parameters({"up": 0.4})


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("window_ms", "'window_ms' is not of the form key=number"),
        ("window_ms=long", "is not of the form key=number"),
        ("window=100", "window: .*; put that right"),
        ("thresholds.yes=0", "thresholds.yes=0.0: expected 1e-06 to 1"),
        ("minimum_count=1.5", "minimum_count: .*integer"),
        ("window_ms.yes=1", "window_ms.yes: Unexpected"),
        ("window_ms=NaN", "window_ms"),
    ],
)
def test_parameters_that_cannot_be_are_refused(given, message):
    with pytest.raises(UserError, match=message):
        changed(Parameters({"yes": 0.5}), [given])
