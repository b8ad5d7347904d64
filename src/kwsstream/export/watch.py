"""Every tensor of a TFLite file while it runs: what ranges are taken from, and what two files are compared by."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kwsstream.export.flatbuffer import parse, schema
from kwsstream.extra import extra
from kwsstream.quiet import quiet


@dataclass(frozen=True)
class Operator:
    """One operator by its name in schema.fbs, and the indices of the tensors it takes and gives."""

    name: str
    inputs: list[int]
    outputs: list[int]


class Watched:
    """A file, given as bytes, of which each tensor can be read after each run. Slow: for measurements alone."""

    def __init__(self, content: bytes):
        tflite = extra("ai_edge_litert.interpreter")
        self.model = parse(content)
        with quiet():
            self.interpreter = tflite.Interpreter(
                model_content=content,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=tflite.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self.interpreter.allocate_tensors()
        self.tensors = self.model.subgraphs[0].tensors
        signature = self.model.signatureDefs[0]
        self.inputs = {entry.name.decode(): entry.tensorIndex for entry in signature.inputs}
        self.outputs = {entry.name.decode(): entry.tensorIndex for entry in signature.outputs}

    @cached_property
    def operators(self) -> list[Operator]:
        return operators(self.model)

    @cached_property
    def activations(self) -> list[int]:
        """The tensors that differ from run to run: the inputs, and what operators give from them."""
        varying = set(self.inputs.values())
        found = list(self.inputs.values())
        for one in self.operators:
            if varying & set(one.inputs):
                varying |= set(one.outputs)
                found += one.outputs
        return [index for index in found if self.tensors[index].type in self.numbers]

    @property
    def numbers(self) -> tuple[int, ...]:
        types = schema().TensorType
        return types.FLOAT32, types.INT8, types.INT16

    def run(self, inputs: dict[str, np.ndarray]) -> None:
        """One run, for inputs by the names of the signature, in the file's own numbers."""
        for name, index in self.inputs.items():
            self.interpreter.set_tensor(index, inputs[name])
        self.interpreter.invoke()

    def value(self, index: int) -> np.ndarray:
        """A tensor after the last run, as float32."""
        value, scale, zero = self.interpreter.get_tensor(index), *self.quantisation(index)
        return value if scale is None else ((value.astype(np.int32) - zero) * scale).astype(np.float32)

    def quantisation(self, index: int) -> tuple[float | None, int]:
        """Scale and zero point of a tensor; None and 0 in float."""
        found = self.tensors[index].quantization
        if found is None or found.scale is None or not len(found.scale):
            return None, 0
        return float(found.scale[0]), int(found.zeroPoint[0])

    def name(self, index: int) -> str:
        return self.tensors[index].name.decode()


def operators(model) -> list[Operator]:
    """The operators of a ModelT in the order in which they run."""
    names = {code: name for name, code in vars(schema().BuiltinOperator).items() if isinstance(code, int)}
    codes = [names[code.builtinCode] for code in model.operatorCodes]
    return [
        Operator(codes[one.opcodeIndex], [i for i in one.inputs if i >= 0], list(one.outputs))
        for one in model.subgraphs[0].operators
    ]
