"""The values of the original's flags: numbers, and lists that it writes as text."""

import ast
from typing import Any

from kwsstream.errors import UserError


class Flags(dict):
    """The flags of a run. UserError for one that is missing or not of its kind."""

    def __missing__(self, key: str) -> Any:
        raise UserError(f"the flags have no {key}: expected all flags of a run of kws_streaming")

    def values_of(self, key: str) -> list:
        """A list that the original writes as text, such as "3,3" or "'relu','linear'"; "" is none."""
        text = self[key]
        if not isinstance(text, str):
            return list(text) if isinstance(text, list | tuple) else [text]
        try:
            value = ast.literal_eval(text) if text.strip() else ()
        except (ValueError, SyntaxError) as error:
            raise UserError(f"flag {key}: {text!r} is not a list of the original's") from error
        return list(value) if isinstance(value, tuple) else [value]

    def pairs_of(self, key: str) -> list[tuple[int, int]]:
        """A list of pairs, such as "(3,3),(5,3)"."""
        values = self.values_of(key)
        return [tuple(values)] if values and isinstance(values[0], int) else values

    def first_of(self, key: str) -> list[int]:
        """Of a list of pairs, the first of each: the time."""
        return [pair[0] for pair in self.pairs_of(key)]
