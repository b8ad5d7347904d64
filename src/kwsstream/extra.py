"""Modules of the export extra, imported when they are needed: training works without them."""

import importlib
from types import ModuleType

from kwsstream.errors import UserError


def extra(name: str) -> ModuleType:
    """Import a module that the export extra installs. UserError, with the command to run, where it is missing."""
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UserError(f"{name} is not installed ({error}): run pip install -e '.[export]'") from error
