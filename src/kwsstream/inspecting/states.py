"""Which output of a file is the next value of which input.

Sure where the manifest beside the file says so; likely by names; a guess by shape and order.
"""

import re
from pathlib import Path

from kwsstream.errors import UserError
from kwsstream.inspecting.facts import StatePair, TensorFacts
from kwsstream.manifest import manifest_path, read_manifest

MANIFEST, NAMES, GUESS = "manifest", "names", "shape and order: a guess"
SIDES = re.compile(r"(?<![a-z])(states?|next|new|prev|previous|inputs?|outputs?|in|out|old)(?![a-z])", re.IGNORECASE)


def of_manifest(file: Path) -> tuple[list[StatePair] | None, list[str]]:
    """The states that a file's manifest names, and notes: None where there is none, or it is of another file."""
    if not manifest_path(file).is_file():
        return None, []
    try:
        manifest = read_manifest(file)
    except UserError as error:
        return None, [f"its manifest is not used: {error}"]
    return [StatePair(state.name, state.next, MANIFEST) for state in manifest.states], []


def guessed(inputs: list[TensorFacts], outputs: list[TensorFacts]) -> list[StatePair]:
    """Pairs of inputs and outputs whose names differ by words like state, next, in and out, then those alike in shape.

    Nothing is guessed at of the first input, which is data, and of the first output, which is results.
    """
    pairs, left = [], list(outputs)

    def pair(entering: TensorFacts, leaving: list[TensorFacts], known_by: str) -> None:
        after = next((o for o in leaving if o in left and (o.shape, o.dtype) == (entering.shape, entering.dtype)), None)
        if after is not None:
            pairs.append(StatePair(entering.name, after.name, known_by))
            left.remove(after)

    for entering in inputs:
        if core(entering.name):
            pair(entering, [o for o in outputs if core(o.name) == core(entering.name)], NAMES)
    named = {found.name for found in pairs}
    for entering in inputs[1:]:
        if entering.name not in named:
            pair(entering, outputs[1:], GUESS)
    return pairs


def core(name: str) -> str:
    """A name without the words that tell a state from the next; "" where no letter is left."""
    words = re.sub(r"[\W_]+", " ", SIDES.sub(" ", name.replace("_", " "))).strip().lower()
    return words if re.search("[a-z]", words) else ""
