"""The inputs, outputs and states of a file as it was written, read from the file itself."""

from pathlib import Path

from kwsstream.errors import UserError
from kwsstream.export.flatbuffer import read, schema
from kwsstream.export.graph import Graph
from kwsstream.extra import extra
from kwsstream.manifest import Interface, StateTensor, Tensor


def onnx_interface(graph: Graph, file: Path) -> Interface:
    """The interface of an ONNX file, all float32."""
    proto = extra("onnx").load(str(file)).graph
    tensors = {v.name: onnx_tensor(v) for v in (*proto.input, *proto.output)}
    return interface(graph, tensors, graph.states)


def onnx_tensor(value) -> Tensor:
    shape = [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]
    return Tensor(name=value.name, shape=shape, dtype="float32", scale=None, zero_point=None)


def tflite_interface(graph: Graph, file: Path) -> Interface:
    """The interface of a TFLite file with external state, or of one that takes whole clips.

    UserError where a state comes out with another shape, scale or zero point than it goes in with: fed back, its
    numbers would mean something else, a little more at every step.
    """
    main = read(file).subgraphs[0]
    tensors = {t.name.decode(): tflite_tensor(t) for t in (main.tensors[i] for i in (*main.inputs, *main.outputs))}
    for name, after in graph.states.items():
        entering, leaving = tensors[name], tensors[after]
        if entering.model_dump(exclude={"name"}) != leaving.model_dump(exclude={"name"}):
            raise UserError(
                f"{file.name}: state {name} goes in with {quantisation(entering)} and comes out with "
                f"{quantisation(leaving)}: calibrate with other audio, or export another precision"
            )
    return interface(graph, tensors, graph.states)


def internal(external: Interface) -> Interface:
    """The interface of a file whose states were put inside."""
    states = [state.model_copy(update={"next": None}) for state in external.states]
    return external.model_copy(update={"states": states})


def tflite_tensor(tensor) -> Tensor:
    types = schema().TensorType
    dtype = {types.FLOAT32: "float32", types.INT8: "int8", types.INT16: "int16"}[tensor.type]
    scale = zero_point = None
    if dtype != "float32":
        scale, zero_point = float(tensor.quantization.scale[0]), int(tensor.quantization.zeroPoint[0])
    shape = [int(size) for size in tensor.shape]
    return Tensor(name=tensor.name.decode(), shape=shape, dtype=dtype, scale=scale, zero_point=zero_point)


def interface(graph: Graph, tensors: dict[str, Tensor], states: dict[str, str]) -> Interface:
    return Interface(
        input=tensors[graph.input],
        output=tensors[graph.output],
        states=[
            StateTensor(**tensors[name].model_dump(), next=after, reset_value=tensors[name].zero_point or 0)
            for name, after in states.items()
        ],
    )


def quantisation(tensor: Tensor) -> str:
    return f"shape {tensor.shape}, scale {tensor.scale}, zero point {tensor.zero_point}"
