"""The one exception for what a user can cure, and how a command shows it: one line, exit code 1."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something that the user can cure. The message names the value, what was expected, and the cure."""


def command(main: Callable[[], None]) -> None:
    """Run a command. A UserError becomes one line on stderr and exit code 1; anything else is a defect: a traceback."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
