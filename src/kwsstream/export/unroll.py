"""GRU operators of an ONNX file as plain operators, frame after frame: TensorFlow Lite has no GRU.

onnx2tf makes a loop of one, which does not quantise, or forty operators a frame. Here the inputs of all frames are
multiplied at once, both directions are the two rows of one state, and a frame takes fourteen operators. All is in two
dimensions, which no converter takes for anything else.
"""

from pathlib import Path

import numpy as np

from kwsstream.extra import extra


def unroll(path: Path) -> bool:
    """Rewrite a file's GRU operators on a batch of one, from silence, reset after the product; whether it has any."""
    onnx, rewriter = extra("onnx"), extra("onnxscript.rewriter")
    model = onnx.load(str(path))
    if all(node.op_type != "GRU" for node in model.graph.node):
        return False
    rule = rewriter.pattern.RewriteRule(gru, frame_by_frame)
    path.write_bytes(rewriter.rewrite(model, [rule]).SerializeToString())
    return True


def gru(op, x, weights, recurrent, biases):
    """The operator that is rewritten. Its gates are update, reset and new, in this order."""
    return op.GRU(x, weights, recurrent, biases, linear_before_reset=1)


def frame_by_frame(op, x, weights, recurrent, biases):
    """What stands in for it: (frames, 1, inputs) to (frames, directions, 1, units)."""
    frames, (directions, _, units) = x.shape[0], recurrent.shape
    of_x, of_state = np.split(biases.const_value.numpy(), 2, axis=1)
    of_gates = np.where(np.arange(3 * units) < 2 * units, of_state, 0)  # added with the inputs: frame 0 has no state
    inputs = gates_and_new(op, rows(op, x, weights, of_x + of_gates, frames), units)
    gates, new = (split(op, part, frames) for part in inputs)
    states = [first(op, gates[0], new[0], of_state[:, 2 * units :])]
    layers = products(op, recurrent, of_state - of_gates)
    for gates_of_x, new_of_x in zip(gates[1:], new[1:], strict=True):
        each = [layer(h) for layer, h in zip(layers, split(op, states[-1], directions), strict=True)]
        gates_of_state, new_of_state = gates_and_new(op, op.Concat(*each, axis=0), units)
        update, reset = split(op, op.Sigmoid(op.Add(gates_of_x, gates_of_state)), 2, axis=1)
        candidate = op.Tanh(op.Add(new_of_x, op.Mul(reset, new_of_state)))
        states.append(op.Add(candidate, op.Mul(update, op.Sub(states[-1], candidate))))
    both = op.Reshape(op.Concat(*states, axis=0), constant(op, [frames, -1]))
    y = op.Concat(*turned(op, split(op, both, directions, axis=1), frames), axis=1)
    return op.Reshape(y, constant(op, [frames, directions, 1, units]))


def rows(op, x, weights, biases, frames):
    """The inputs' products, (frames * directions, 3 * units): a row for each direction, as it comes to that frame."""
    x = op.Reshape(x, constant(op, [frames, -1]))
    each = turned(op, [layer(x) for layer in products(op, weights, biases)], frames)
    return op.Reshape(op.Concat(*each, axis=1), constant(op, [frames * len(each), -1]))


def turned(op, each, frames):
    """The first direction as it is, and the second with its frames from the last to the first."""
    return each[:1] + [op.Concat(*reversed(split(op, y, frames)), axis=0) for y in each[1:]]


def first(op, gates, new, bias):
    """The state after the first frame. That of silence is left out: zeros have no scale, and int16 operators abort."""
    update, reset = split(op, op.Sigmoid(gates), 2, axis=1)
    candidate = op.Tanh(op.Add(new, op.Mul(reset, constant(op, bias))) if bias.any() else new)
    return op.Sub(candidate, op.Mul(update, candidate))


def products(op, weights, biases):
    """A function for each direction: the product of rows with its weights, and its bias added."""

    def product(direction, weight, bias):
        name = f"{weights.name}_{direction}"
        of = op.initializer(tensor(weight), name), op.initializer(tensor(bias), f"{name}_bias")
        return lambda x: op.Gemm(x, *of, transB=1)

    return [product(*of) for of in zip(range(len(biases)), weights.const_value.numpy(), biases, strict=True)]


def split(op, x, parts, axis=0):
    """Equal parts, by one operator in TensorFlow Lite too; given sizes, onnx2tf would make a slice of each."""
    return [x] if parts == 1 else list(op.Split(x, axis=axis, num_outputs=parts, _outputs=parts))


def gates_and_new(op, x, units):
    return op.Split(x, constant(op, [2 * units, units]), axis=1, _outputs=2)


def constant(op, numbers):
    return op.Constant(value=tensor(numbers))


def tensor(numbers):
    return extra("onnxscript.ir").tensor(np.ascontiguousarray(numbers))
