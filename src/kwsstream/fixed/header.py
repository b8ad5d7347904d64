"""weights.h: the tensors of a fixed network in CMSIS-NN's layouts, its shifts, sizes and formats, for kws.c.

Tensors are #define's of initialisers, as in ML-KWS-for-MCU: NAME_WT (outputs, time, frequency, inputs), that of a
depthwise layer (time, frequency, channel), that of a dense layer (outputs, inputs); NAME_BIAS (outputs). x is
frequency and y is time, as in the names of ML-KWS-for-MCU.
"""

import json
from dataclasses import dataclass
from importlib.resources import files

from torch import Tensor, nn

from kwsstream.fixed.formats import q_format
from kwsstream.fixed.layers import FrameAverage, FrequencyAverage, Weighted
from kwsstream.fixed.network import FEATURES, silent_step, stepped
from kwsstream.fixed.search import Found
from kwsstream.layers import Flatten, Spread
from kwsstream.streaming import Windowed, timing

ACROSS = 24
"""Numbers in a line."""


@dataclass(frozen=True)
class Step:
    """A layer with the shapes (1, time, frequency, channel) that it takes and makes in one step."""

    name: str
    layer: nn.Module
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


def header(found: Found, inputs: int, labels: list[str], title: str) -> str:
    """The text of weights.h. `inputs` are the features of a frame; the title says whose weights these are."""
    taken = steps(found, inputs)
    lines = [f"/* {title} */", "", "#ifndef KWS_WEIGHTS_H", "#define KWS_WEIGHTS_H", ""]
    lines += defines("KWS_", facts(found, inputs, labels, taken))
    for step in taken:
        if isinstance(step.layer, Weighted):
            lines += ["", *tensors(step)]
    named = [step.name for step in taken if isinstance(step.layer, Weighted)]
    lines += ["", "#define KWS_TENSORS(TENSOR) \\"]
    lines += [f"    TENSOR({n}_{t}, {n.upper()}_{t.upper()}) \\" for n in named for t in ("wt", "bias")] + [""]
    lines += ["#define KWS_LAYERS { \\", *(f"    {{{entry(step)}}}, \\" for step in taken), "}", "", "#endif"]
    return "\n".join(lines) + "\n"


def sources() -> dict[str, str]:
    """The C files that stream a header's network, by name."""
    return {name: (files("kwsstream.fixed") / name).read_text() for name in ("kws.h", "kws.c")}


def steps(found: Found, inputs: int) -> list[Step]:
    """The layers that compute or remember something, in order."""
    x, taken = silent_step(found.network, inputs), []
    for name, layer in found.network.named_children():
        y = stepped(layer, x)
        if not isinstance(layer, Spread):
            taken.append(Step(name, layer, tuple(x.shape), tuple(y.shape)))
        x = y
    return taken


def facts(found: Found, inputs: int, labels: list[str], taken: list[Step]) -> dict[str, object]:
    """What a program has to know of the network."""
    clock = found.network.timing
    return {
        "LABELS": len(labels),
        "LABEL_NAMES": "{" + ", ".join(json.dumps(label, ensure_ascii=False) for label in labels) + "}",
        "FEATURES": inputs,
        "FEATURE_DEC_BITS": number(found.formats[FEATURES]),
        "LOGIT_DEC_BITS": number(found.dec_bits),
        "STEP_FRAMES": clock.stride,
        "LEAD_FRAMES": clock.lead,
        "LOOKAHEAD_FRAMES": clock.lookahead,
        "STATE_SIZE": max(sum(overlap(s.layer) * s.inputs[2] * s.inputs[3] for s in taken if overlap(s.layer) > 0), 1),
        "WIDEST": max(size(shape) for step in taken for shape in (step.inputs, step.outputs)),
    }


def tensors(step: Step) -> list[str]:
    """Weights and bias of a layer, its shifts and formats."""
    layer: Weighted = step.layer
    out, per_output, y, x = layer.weight.shape
    weight = layer.weight.permute(2, 3, 0, 1) if layer.depthwise else layer.weight.permute(0, 2, 3, 1)
    comment = (
        f"/* {step.name}: weights {q_format(layer.weight_bits)}, bias {q_format(layer.bias_bits)}, "
        f"output {q_format(layer.dec_bits)} */"
    )
    sizes = {
        "IN_CH": out if layer.depthwise else per_output,
        "OUT_CH": out,
        "KX": x,
        "KY": y,
        "SX": layer.stride[1],
        "SY": layer.stride[0],
        "DX": layer.dilation[1],
        "DY": layer.dilation[0],
        "PX": layer.frequency_pads(step.inputs[2])[0],
        "BIAS_LSHIFT": layer.bias_lshift,
        "OUT_RSHIFT": layer.out_rshift,
        "DEC_BITS": number(layer.dec_bits),
        "WT": braces(weight),
        "BIAS": braces(layer.bias),
    }
    return [comment, *defines(f"{step.name.upper()}_", sizes)]


def entry(step: Step) -> str:
    """The layer's line of kws.c's table, without what is zero."""
    layer, name = step.layer, step.name
    fields = {"kind": kind(layer), "in": shape(step.inputs), "out": shape(step.outputs), "overlap": overlap(layer)}
    if isinstance(layer, Weighted):
        big = f"{name.upper()}_"
        fields |= {"window": f"{big}KY", "stride": f"{big}SY", "dilation": f"{big}DY", "window_x": f"{big}KX"}
        fields |= {"stride_x": f"{big}SX", "dilation_x": f"{big}DX", "pad_x": f"{big}PX"}
        fields |= {"weight": f"{name}_wt", "bias": f"{name}_bias"}
        fields |= {"bias_lshift": f"{big}BIAS_LSHIFT", "out_rshift": f"{big}OUT_RSHIFT"}
    elif isinstance(layer, Windowed):
        fields |= {"window": timing(layer).receptive_field, "stride": timing(layer).stride}
    if isinstance(layer, FrameAverage | FrequencyAverage):
        fields["lshift"] = layer.lshift
    return ", ".join(f".{key} = {value}" for key, value in fields.items())


def kind(layer: nn.Module) -> str:
    """The name that kws.c has for a layer."""
    if isinstance(layer, Weighted):
        return "KWS_DEPTHWISE" if layer.depthwise else "KWS_CONV"
    names = {Flatten: "FLATTEN", FrameAverage: "FRAME_AVERAGE", FrequencyAverage: "FREQUENCY_AVERAGE", nn.ReLU: "RELU"}
    return f"KWS_{names[type(layer)]}"


def overlap(layer: nn.Module) -> int:
    """Frames that a layer remembers from step to step; negative: so many are skipped."""
    return layer.overlap if isinstance(layer, Windowed) else 0


def shape(of: tuple[int, ...]) -> str:
    return "{" + ", ".join(map(str, of[1:])) + "}"


def size(of: tuple[int, ...]) -> int:
    return of[1] * of[2] * of[3]


def number(value: int) -> str:
    """A number that may stand in any expression."""
    return f"({value})" if value < 0 else str(value)


def braces(tensor: Tensor) -> str:
    """An initialiser over as many lines as it takes."""
    numbers = [str(value) for value in tensor.flatten().tolist()]
    rows = [", ".join(numbers[i : i + ACROSS]) for i in range(0, len(numbers), ACROSS)]
    return "{ \\\n    " + ", \\\n    ".join(rows) + " \\\n}"


def defines(prefix: str, values: dict[str, object]) -> list[str]:
    return [f"#define {prefix}{key} {value}" for key, value in values.items()]
