"""What is found in a model's file, whatever its format."""

from dataclasses import dataclass, field
from pathlib import Path

NO_WORK = {"Const", "Placeholder", "PlaceholderWithDefault", "Identity", "IdentityN", "NoOp"}
"""Operators of TensorFlow's graphs that compute nothing: they are not counted."""


@dataclass(frozen=True)
class TensorFacts:
    """An input or output. A size of None may be anything; a number q stands for scale * (q - zero_point)."""

    name: str
    dtype: str
    shape: list[int | None]
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class StatePair:
    """A state, what it becomes (None: a variable inside the file), and how that is known."""

    name: str
    next: str | None
    known_by: str


@dataclass(frozen=True)
class Facts:
    """A file: what goes in and out, what it computes with, and its size.

    `macs` are the multiplications and additions of convolutions, matrix products and recurrent operators in one run;
    None where the file does not say enough to count them. An unknown size counts as 1.
    """

    file: str
    format: str
    bytes: int
    inputs: list[TensorFacts]
    outputs: list[TensorFacts]
    operators: dict[str, int]
    macs: int | None
    states: list[StatePair] = field(default_factory=list)
    variables: list[str] = field(default_factory=list)
    """States that the file keeps inside, by name."""
    notes: list[str] = field(default_factory=list)


def folder_bytes(path: Path) -> int:
    """The bytes of a file, or of all files in a folder."""
    return sum(p.stat().st_size for p in (path.rglob("*") if path.is_dir() else [path]) if p.is_file())


def elements(shape: list[int | None]) -> int:
    """Numbers in a tensor; an unknown size counts as 1."""
    count = 1
    for size in shape:
        count *= 1 if size is None else size
    return count
