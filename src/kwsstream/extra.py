"""Modules of the extras, imported when they are needed: training works without them."""

import importlib
from types import ModuleType

from kwsstream.errors import UserError


def extra(name: str, of: str = "export") -> ModuleType:
    """Import a module that an extra installs. UserError, with the command to run, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"{name} is not installed ({error}): run pip install -e '.[{of}]'") from error
