"""An exported TFLite file as a C header: its bytes, and what firmware has to know to feed it.

    python -m kwsstream.carray FILE.tflite [--out model.h] [--name kws]

The header needs nothing but the standard headers, and compiles as C11 and as C++11. It holds the file as an aligned
array, the labels, the data it takes and gives, the table of its states, and the timing and feature parameters.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from kwsstream.errors import UserError, command
from kwsstream.files import whole
from kwsstream.manifest import Manifest, StateTensor, Tensor, read_manifest

ALIGNMENT = 16  # bytes: what TensorFlow Lite Micro asks of a model and of its arena
BYTES_A_LINE = 16
WIDTH = {"float32": 4, "int8": 1, "int16": 2}
MOST_DIMENSIONS = 4

TYPES = """\
typedef enum {{ {upper}_FLOAT32, {upper}_INT8, {upper}_INT16 }} {name}_type;

/* A number q of an integer tensor stands for scale * (q - zero_point). */
typedef struct {{
  const char *name;
  {name}_type type;
  int dimensions;
  int shape[4];
  float scale;
  int zero_point;
}} {name}_tensor;

/* A state: output `output_index` of one run is input `input_index` of the next. A stream starts with every number at
   `reset_value`. `offset` is its place in a block of {upper}_STATE_BYTES that holds them all. */
typedef struct {{
  {name}_tensor tensor;
  int input_index;
  int output_index;
  int reset_value;
  size_t bytes;
  size_t offset;
}} {name}_state;
"""


def header(manifest: Manifest, data: bytes, name: str) -> str:
    """The text of the header; `name` begins every name in it. UserError where `name` is no name in C."""
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        raise UserError(f"--name {name!r} is no name in C: expected letters, digits and _, not a digit first")
    upper = name.upper()
    blocks = [
        f"/* {manifest.file}: {manifest.model}, {manifest.precision}, state {manifest.stream}. SHA-256 of the file:\n"
        f"   {manifest.sha256}. Written by python -m kwsstream.carray; do not edit. */",
        f"#ifndef {upper}_H\n#define {upper}_H\n\n#include <stddef.h>\n#include <stdint.h>",
        defines(upper, numbers(manifest)),
        TYPES.format(name=name, upper=upper).rstrip(),
        strings(f"{name}_labels", manifest.labels),
        f"static const {name}_tensor {name}_input = {tensor(manifest.input, upper)};",
        f"static const {name}_tensor {name}_output = {tensor(manifest.output, upper)};",
        *states(manifest, name),
        array(f"{name}_data", data),
        f"#endif /* {upper}_H */",
    ]
    return "\n\n".join(blocks) + "\n"


def numbers(manifest: Manifest) -> dict[str, Any]:
    """What the preprocessor may need, by name: sizes, timing, and the parameters of the features."""
    clock = manifest.clock
    outside = [state for state in manifest.states if state.next is not None]
    sizes = {
        "labels": len(manifest.labels),
        "states": len(outside),
        "state_bytes": offsets(outside)[-1],
        "input_is_audio": int(manifest.input.name == "audio"),
    }
    timing = {
        "sample_rate_hz": clock.sample_rate_hz,
        "hop_samples": clock.hop_samples,
        "lead_samples": clock.lead_samples,
        "latency_samples": clock.latency_samples,
        "clip_samples": clock.clip_samples,
    }
    if manifest.micro is not None and not isinstance(manifest.micro, str):
        sizes["arena_bytes_on_64_bit"] = manifest.micro.arena["total"]
    return sizes | timing | {f"features_{key}": value for key, value in manifest.features.items()}


def defines(upper: str, values: dict[str, Any]) -> str:
    return "\n".join(f"#define {upper}_{key.upper()} {literal(value)}" for key, value in values.items())


def literal(value: Any) -> str:
    """A value of a config as C: text quoted, truth as 1 and 0, and nothing as 0 with a word that it is."""
    if value is None:
        return "0 /* none */"
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, int | float):
        return repr(value)
    return quoted(str(value))


def quoted(text: str) -> str:
    """Text as a C string; bytes that are not plain stand in octal, which ends by itself."""
    plain = {'"': '\\"', "\\": "\\\\", "?": "\\?"}  # a question mark might begin a trigraph
    return '"' + "".join(plain.get(c) or (c if " " <= c <= "~" else octal(c)) for c in text) + '"'


def octal(character: str) -> str:
    return "".join(f"\\{byte:03o}" for byte in character.encode())


def strings(name: str, values: list[str]) -> str:
    return f"static const char *const {name}[] = {{{', '.join(map(quoted, values))}}};"


def tensor(value: Tensor, upper: str) -> str:
    sizes = ", ".join(map(str, value.shape + [0] * (MOST_DIMENSIONS - len(value.shape))))
    kind, scale, zero = f"{upper}_{value.dtype.upper()}", value.scale or 0.0, value.zero_point or 0
    return f"{{{quoted(value.name)}, {kind}, {len(value.shape)}, {{{sizes}}}, {scale!r}f, {zero}}}"


def states(manifest: Manifest, name: str) -> list[str]:
    """The table of the states, in the order of the file's inputs; nothing where the file has none or keeps them."""
    outside = [state for state in manifest.states if state.next is not None]
    if not outside:
        return []
    rows = [
        f"  {{{tensor(state, name.upper())}, {i}, {i}, {state.reset_value}, {size(state)}, {offset}}},"
        for i, (state, offset) in enumerate(zip(outside, offsets(outside), strict=False), 1)
    ]
    return [f"static const {name}_state {name}_states[] = {{\n" + "\n".join(rows) + "\n};"]


def size(state: StateTensor) -> int:
    """Bytes of a state."""
    count = WIDTH[state.dtype]
    for length in state.shape:
        count *= length
    return count


def offsets(outside: list[StateTensor]) -> list[int]:
    """Where each state begins in a block of all, aligned; and the bytes of the block."""
    found = [0]
    for state in outside:
        found.append(-(-(found[-1] + size(state)) // ALIGNMENT) * ALIGNMENT)
    return found


def array(name: str, data: bytes) -> str:
    lines = [
        "  " + ", ".join(f"0x{byte:02x}" for byte in data[i : i + BYTES_A_LINE]) + ","
        for i in range(0, len(data), BYTES_A_LINE)
    ]
    align = f"#ifdef __cplusplus\nalignas({ALIGNMENT})\n#else\n_Alignas({ALIGNMENT})\n#endif\n"
    body = "\n".join(lines)
    return f"{align}static const uint8_t {name}[] = {{\n{body}\n}};\nstatic const size_t {name}_bytes = {len(data)};"


def main() -> None:
    """Write the header of an exported TFLite file."""
    parser = argparse.ArgumentParser("python -m kwsstream.carray", description=main.__doc__)
    parser.add_argument("file", type=Path, help="a .tflite file with its manifest beside it")
    parser.add_argument("--out", type=Path, help="the header to write; FILE.h by default")
    parser.add_argument("--name", default="kws", help="what every name in the header begins with")
    given = parser.parse_args()
    if given.file.suffix != ".tflite":
        raise UserError(f"{given.file} is no TFLite file: expected an exported FILE.tflite")
    text = header(read_manifest(given.file), given.file.read_bytes(), given.name)
    out = given.out or given.file.with_suffix(".h")
    with whole(out) as beside:
        beside.write_text(text)
    print(out)


if __name__ == "__main__":
    command(main)
