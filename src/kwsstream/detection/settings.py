"""Where the parameters of a detector are kept: in the manifest of an exported file, in detector.json of a run."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from kwsstream.detector import Parameters, default_parameters
from kwsstream.errors import UserError
from kwsstream.manifest import read_manifest, write_manifest
from kwsstream.runs import Run, write_json

NAME = "detector.json"
SCHEMA = TypeAdapter(Parameters)


def run_parameters(run: Run) -> Parameters:
    """The parameters that a run is exported with: its own, or the defaults."""
    path = run.folder / NAME
    return parsed(path.read_bytes(), path) if path.is_file() else default_parameters(run.labels)


def file_parameters(file: Path) -> Parameters:
    """The parameters in the manifest of an exported file, or the defaults."""
    manifest = read_manifest(file)
    return manifest.detector or default_parameters(manifest.labels)


def save_parameters(path: Path, parameters: Parameters) -> Path:
    """Replace the parameters of an exported file or of a run folder. Returns what was written."""
    if path.is_dir():
        write_json(path / NAME, asdict(parameters))
        return path / NAME
    write_manifest(read_manifest(path).model_copy(update={"detector": parameters}), path.parent)
    return path.with_name(f"{path.name}.json")


def changed(parameters: Parameters, overrides: Sequence[str]) -> Parameters:
    """Parameters with `key=number` or `thresholds.word=number` replaced; null takes a word's threshold away."""
    values = asdict(parameters)
    for override in overrides:
        key, _, text = override.partition("=")
        try:
            number = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(
                f"{override!r} is not of the form key=number, such as window_ms=200 or thresholds.yes=0.7"
            ) from error
        section, _, word = key.partition(".")
        if section == "thresholds":
            values[section][word] = number
        else:
            values[key] = number
    values["thresholds"] = {word: number for word, number in values["thresholds"].items() if number is not None}
    return parsed(json.dumps(values).encode(), "parameters of the detector")


def parsed(text: bytes, where: object) -> Parameters:
    """Parameters from JSON. UserError for an unknown key and for a value out of its range."""
    try:
        return SCHEMA.validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        message = first["msg"].removeprefix("Value error, ")
        raise UserError(f"{where}: {key}{': ' if key else ''}{message}; put that right") from error
