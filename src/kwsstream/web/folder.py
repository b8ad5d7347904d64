"""The folder of a page: its own files, the model, a runtime, sample clips, and model.json, which names them."""

import shutil
from importlib.resources import as_file, files
from pathlib import Path

from kwsstream.detection.settings import file_parameters
from kwsstream.errors import UserError
from kwsstream.manifest import Interface, Manifest, read_manifest, sha256
from kwsstream.runs import Run
from kwsstream.web.clips import write_clips
from kwsstream.web.description import Description, ModelFile, Port, StatePort
from kwsstream.web.floats import float_ends, float_interface
from kwsstream.web.place import replacing
from kwsstream.web.runtime import Runtime, copy_runtime

OWN = {"litert": ["litert.js", "node.js"], "onnx": ["onnx.js"]}
"""What of the page's own files serves one runtime."""


def write_page(run: Run, file: Path, folder: Path) -> Description:
    """Write the page of a run with an exported file of it, one with external state.

    UserError where the file does not fit, the folder is something else, or the runtime cannot be fetched.
    """
    manifest = checked(file)
    runtime: Runtime = {"tflite": "litert", "onnx": "onnx"}[manifest.format]
    with replacing(folder, "page", "spotter.js") as beside:
        copy_own(runtime, beside)
        copy_runtime(runtime, beside / "runtime")
        (beside / "model").mkdir()
        chain = [file.with_name(manifest.front_end), file] if manifest.front_end else [file]
        description = Description(
            model=manifest.model,
            precision=manifest.precision,
            runtime=runtime,
            files=[copy_model(one, beside / "model") for one in chain],
            clock=manifest.clock,
            labels=manifest.labels,
            features=manifest.features,
            detector=file_parameters(file),
            clips=write_clips(
                run.data().partition("testing"), manifest.labels, manifest.clock.sample_rate_hz, beside / "clips"
            ),
        )
        (beside / "model.json").write_text(description.model_dump_json(indent=1) + "\n")
    return description


def checked(file: Path) -> Manifest:
    """The manifest of a file that a page can run."""
    manifest = read_manifest(file)
    if manifest.stream != "external" or manifest.output.name != "logits":
        raise UserError(
            f"{file} has stream {manifest.stream!r} and gives {manifest.output.name}: a page takes a file with "
            "external state that gives logits"
        )
    if manifest.input.name == "features" and not manifest.front_end:
        raise UserError(
            f"{file} takes {manifest.features['kind']} features, which no file makes: train a run on mel features"
        )
    return manifest


def copy_own(runtime: Runtime, folder: Path) -> None:
    """Copy the page's own files, less those of another runtime."""
    others = {name for other, names in OWN.items() if other != runtime for name in names}
    with as_file(files("kwsstream.web") / "site") as site:
        shutil.copytree(site, folder, ignore=lambda _, names: others & set(names), dirs_exist_ok=True)


def copy_model(file: Path, folder: Path) -> ModelFile:
    """Copy a model file, or write one with float inputs and outputs where it is of integers."""
    interface: Interface = read_manifest(file)
    copy = folder / file.name
    if interface.input.dtype == "float32":
        shutil.copyfile(file, copy)
    else:
        float_ends(file, copy)
        interface = float_interface(interface)
    return ModelFile(
        file=f"{folder.name}/{copy.name}",
        sha256=sha256(copy),
        input=Port(name=interface.input.name, shape=interface.input.shape),
        output=Port(name=interface.output.name, shape=interface.output.shape),
        states=[StatePort(name=s.name, next=s.next, shape=s.shape) for s in interface.states],
    )
