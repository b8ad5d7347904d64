"""An ONNX file as TFLite files, one for each precision: the one place that knows onnx2tf and TensorFlow's converter.

onnx2tf turns the graph into a Keras model; TensorFlow's converter makes only the files that are asked for. An input
keeps its shape ("keep_shape_absolutely"). A Transpose that feeds a Conv is the identity in TFLite's layout: told so,
onnx2tf keeps depthwise convolutions depthwise, and the graph free of transposes.
"""

import json
import os
import shutil
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np

from kwsstream.errors import UserError
from kwsstream.export.biases import fold_biases
from kwsstream.export.flatbuffer import SIGNATURE
from kwsstream.export.graph import Graph
from kwsstream.export.limits import Estimate, Runs, fit_limits
from kwsstream.export.onnx import cause
from kwsstream.export.tidy import tidy
from kwsstream.export.unroll import unroll
from kwsstream.extra import extra
from kwsstream.quiet import quiet

Precision = Literal["float32", "float16", "dynamic", "int8", "int16"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "dynamic", "int8", "int16")
INTEGER = ("int8", "int16")

Calibration = Callable[[Precision], Iterator[dict[str, np.ndarray]]]
"""Gives the inputs of a graph by name, run after run, for a file of a precision to fit its numbers to."""


def to_tflite(
    graph: Graph,
    onnx_file: Path,
    files: dict[Precision, Path],
    calibration: Calibration | None = None,
    estimate: Callable[[Precision], Estimate | None] = lambda _: None,
) -> None:
    """Write the graph, of which `onnx_file` is the ONNX file, as TFLite in each precision.

    Integer precisions need a calibration; `estimate` gives what has better limits of tensors for int8, if anything.
    UserError where a conversion fails; then none of its files is whole.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    scratch = onnx_file.with_name(f".{onnx_file.stem}.saved")
    try:
        with failing_as_user_error(f"{onnx_file.name}: conversion to TensorFlow"):
            save_model(keras_model(graph, onnx_file, scratch), graph, scratch)
        for precision, path in files.items():
            with failing_as_user_error(f"{path.name}: conversion to {precision}"):
                content = fold_biases(convert(scratch, precision, calibration))
                if precision == "int8":
                    content = quantised(content, graph, partial(calibration, precision), estimate(precision))
                path.write_bytes(content)
                tidy(path, graph)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


@contextmanager
def failing_as_user_error(what: str) -> Iterator[None]:
    """Turn any failure of the converters into a UserError with the last words they printed.

    They raise whatever they come across, and leave the interpreter by sys.exit: SystemExit is a failure too.
    """
    with quiet() as chatter:
        try:
            yield
        except UserError:
            raise
        except (Exception, SystemExit) as error:
            raise UserError(
                f"{what} failed ({cause(error)}; its last words: {chatter.last_line}): use layers that it converts"
            ) from error


def keras_model(graph: Graph, onnx_file: Path, scratch: Path):
    """The Keras model of an ONNX file, its inputs and outputs in the order of the file's."""
    onnx2tf = extra("onnx2tf")
    scratch.mkdir()
    unrolled = unroll(onnx_file)
    replacements = scratch / "replacements.json"
    replacements.write_text(json.dumps({"format_version": 1, "operations": identity_transposes(onnx_file)}))
    with own_programs_on_path():
        return onnx2tf.convert(
            input_onnx_file_path=str(onnx_file),
            output_folder_path=str(scratch),
            non_verbose=True,
            output_signaturedefs=True,
            keep_shape_absolutely_input_names=graph.inputs,
            param_replacement_file=str(replacements),
            disable_model_save=True,
            disable_strict_mode=unrolled,  # strict, it runs the whole model for each operator of each frame
        )


def identity_transposes(onnx_file: Path) -> list[dict]:
    """Parameter replacements for the Transposes that feed a Conv."""
    nodes = extra("onnx").load(str(onnx_file)).graph.node
    maker = {output: node for node in nodes for output in node.output}
    feeding = [maker[node.input[0]] for node in nodes if node.op_type == "Conv" and node.input[0] in maker]
    transposes = {node.name for node in feeding if node.op_type == "Transpose"}
    return [
        {"op_name": name, "param_target": "attributes", "param_name": "perm", "values": [0, 1, 2, 3]}
        for name in sorted(transposes)
    ]


@contextmanager
def own_programs_on_path() -> Iterator[None]:
    """Let onnx2tf find onnxsim in an environment that is not activated; without it, it goes on and converts badly."""
    before = os.environ.get("PATH", "")
    os.environ["PATH"] = os.pathsep.join([sysconfig.get_path("scripts"), before])
    try:
        if not shutil.which("onnxsim"):
            raise UserError("the program onnxsim is not installed: run pip install -e '.[export]'")
        yield
    finally:
        os.environ["PATH"] = before


def save_model(model, graph: Graph, folder: Path) -> None:
    """Save a Keras model with the names of the graph as its signature, the one thing that all converters respect."""
    tensorflow = extra("tensorflow")
    specification = [tensorflow.TensorSpec(i.shape, i.dtype, i.name) for i in model.inputs]

    @tensorflow.function(input_signature=specification)
    def run(*inputs):
        results = model(list(inputs))
        return dict(zip(graph.outputs, results if isinstance(results, list) else [results], strict=True))

    holder = tensorflow.Module()
    holder.numbers, holder.run = model.variables, run  # not the model: saving it goes through every layer
    tensorflow.saved_model.save(holder, str(folder), signatures={SIGNATURE: run})


def convert(saved: Path, precision: Precision, calibration: Calibration | None) -> bytes:
    """A saved model as the bytes of a TFLite file; for int8, of a float file whose tensors have limits.

    An int16 file is integer from input to output.
    """
    lite, types = extra("tensorflow").lite, extra("tensorflow")
    converter = lite.TFLiteConverter.from_saved_model(str(saved))
    if precision != "float32":
        converter.optimizations = [lite.Optimize.DEFAULT]
    if precision == "float16":
        converter.target_spec.supported_types = [types.float16]
    if precision in INTEGER:
        converter.target_spec.supported_ops = [
            lite.OpsSet.TFLITE_BUILTINS_INT8
            if precision == "int8"
            else lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
        if precision == "int8":
            converter._experimental_calibrate_only = True
            converter.representative_dataset = lambda: islice(calibration(precision), 1)
        else:
            converter.representative_dataset = partial(calibration, precision)
            converter.inference_input_type = converter.inference_output_type = types.int16
    return converter.convert()


def quantised(calibrated: bytes, graph: Graph, runs: Runs, estimate: Estimate | None) -> bytes:
    """A float file in int8 from input to output: the converter's own last step, on limits put right."""
    int8 = extra("tensorflow").int8
    quantise = extra("tensorflow.lite.python.convert").mlir_quantize
    limited = fit_limits(calibrated, graph, runs, estimate)
    return bytes(quantise(limited, fully_quantize=True, input_data_type=int8, output_data_type=int8))
