"""A graph as an ONNX file."""

from pathlib import Path

import torch

from kwsstream.errors import UserError
from kwsstream.export.graph import Graph
from kwsstream.extra import extra
from kwsstream.quiet import COLOUR, quiet

OPSET = 18
LONGEST_CAUSE = 300
LARGEST_FOLDED = 2**24
"""Numbers of a constant."""


def to_onnx(graph: Graph, path: Path) -> None:
    """Write the graph, float32, its batch norms folded. UserError, and no file, where torch cannot export it."""
    onnx = extra("onnx")
    extra("onnxscript")
    with quiet():
        try:
            program = torch.onnx.export(
                graph.module,
                kwargs={"x": graph.example, "state": graph.silence},  # a dict that comes last would be taken for kwargs
                dynamo=True,
                verbose=False,
                opset_version=OPSET,
                input_names=graph.inputs,
                output_names=graph.outputs,
            )
            if graph.whole:
                fold_weights(program.model)
            model = anonymous(program.model_proto)
            onnx.checker.check_model(model, full_check=True)
        except Exception as error:  # torch.onnx, onnxscript and the checker share no base class
            raise UserError(f"{path.name}: export to ONNX failed ({cause(error)}): simplify the layer") from error
    path.write_bytes(model.SerializeToString())


def fold_weights(model) -> None:
    """Compute what the order of gates in a recurrent operator asks for, of weights of any size."""
    extra("onnxscript.optimizer").optimize_ir(model, input_size_limit=LARGEST_FOLDED, output_size_limit=LARGEST_FOLDED)


def anonymous(model):
    """The model without the stack traces and paths of the machine that made it."""
    for owner in (model, model.graph, *model.graph.node, *model.graph.value_info, *model.graph.initializer):
        del owner.metadata_props[:]
        owner.doc_string = ""
    return model


def cause(error: BaseException) -> str:
    """What went wrong in the first place, in one line: the innermost cause, or what sys.exit was called for."""
    while inner := error.__cause__ or (isinstance(error, SystemExit) and error.__context__):
        error = inner
    text = " ".join(COLOUR.sub("", str(error)).split())
    return f"{type(error).__name__}: {text[:LONGEST_CAUSE]}"
