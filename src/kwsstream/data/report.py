"""Warnings about files: the first few by name, the rest as a count."""

import warnings
from collections.abc import Mapping
from pathlib import Path

NAMED = 5


def warn_of(what: str, reasons: Mapping[str, str], root: Path) -> None:
    """Warn that the files in `reasons` (reason by path below `root`) were dealt with as `what` says."""
    if not reasons:
        return
    named = [f"{path} ({reason})" for path, reason in list(reasons.items())[:NAMED]]
    more = f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else ""
    files = "file" if len(reasons) == 1 else "files"
    warnings.warn(f"{len(reasons)} {files} in {root} {what}: {', '.join(named)}{more}", UserWarning, stacklevel=2)
