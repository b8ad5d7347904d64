"""The table of all forms of a run: the command prints a row of each, in each runtime, with what evaluate finds."""

import runpy
import sys
from pathlib import Path

import pytest
from test_compress import tuned

from kwsstream import evaluate, runs

COMMAND = Path(__file__).parents[1] / "benchmarks" / "quantisation.py"


@pytest.mark.slow
def test_every_form_has_its_rows(small, trained, tmp_path, monkeypatch, capsys):
    pytest.importorskip("onnx2tf", reason="the export extra is not installed")
    pytest.importorskip("tflite_micro", reason="the micro extra is not installed")
    for name, setting in {"tuned": "quantise.bits=8", "clustered": "cluster.clusters=16"}.items():
        tuned(small, trained, tmp_path / name, setting)
    words = ["--tuned", tmp_path / "tuned", "--clustered", tmp_path / "clustered", "--clips", 12, "--micro-clips", 4]
    monkeypatch.setattr(sys, "argv", ["quantisation", str(trained), *map(str, words)])
    capsys.readouterr()
    runpy.run_path(str(COMMAND), run_name="benchmark")["main"]()
    lines = [[cell.strip() for cell in line.split("  ") if cell] for line in capsys.readouterr().out.splitlines()]
    rows = {(line[0], line[1]): line[2:] for line in lines if len(line) == 7}
    floats = [("float32", "PyTorch"), *((form, "LiteRT") for form in ("float32", "float16", "dynamic"))]
    integers = [(form, way) for form in ("int8", "int16", "trained for int8") for way in ("LiteRT", "TFLM")]
    others = [("int8, powers of two", "whole numbers"), ("clustered float32", "LiteRT")]
    others += [("clustered int8", way) for way in ("LiteRT", "TFLM")]
    assert {*floats, *integers, *others} == rows.keys() - {("form", "runtime")}
    assert {way: row[1] for way, row in rows.items() if way[1] == "TFLM"} == {w: "4" for w in rows if w[1] == "TFLM"}
    run = runs.load(trained)
    testing = run.data().partition("testing")
    whole = evaluate.score_whole(run.model, testing).logits[:12].argmax(1) == testing.labels[:12]
    assert rows["float32", "PyTorch"][2] == rows["float32", "LiteRT"][2] == f"{100 * whole.mean():.2f}"
