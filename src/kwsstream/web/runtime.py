"""The runtimes of the page: which files of which packages, and how they come into its folder."""

import shutil
from pathlib import Path
from typing import Literal

from kwsstream.errors import UserError
from kwsstream.web.npm import Package, fetched

Runtime = Literal["litert", "onnx"]

WASM = "litert_wasm_compat_internal"  # without relaxed SIMD: for every browser, and Node

PACKAGES: dict[Runtime, list[Package]] = {
    "litert": [
        Package(
            "@litertjs/core",
            "2.5.3",
            {"dist/index.js": "litert.js", f"wasm/{WASM}.js": f"{WASM}.js", f"wasm/{WASM}.wasm": f"{WASM}.wasm"},
        ),
        Package("@litertjs/wasm-utils", "2.5.3", {"dist/index.js": "wasm-utils.js"}),
    ],
    "onnx": [
        Package(
            "onnxruntime-web",
            "1.23.2",  # the newest whose wasm and the paper's CNN weigh less than 16 MB
            {
                "dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
                "dist/ort-wasm-simd-threaded.mjs": "ort-wasm-simd-threaded.mjs",  # for Node
                "dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
            },
        )
    ],
}


def copy_runtime(runtime: Runtime, folder: Path) -> None:
    """Put a runtime's files into a new folder. UserError where they cannot be fetched."""
    folder.mkdir()
    for package in PACKAGES[runtime]:
        for name in package.files.values():
            shutil.copyfile(fetched(package) / name, folder / name)
    if runtime == "litert":
        replace(folder / "litert.js", '"@litertjs/wasm-utils"', '"./wasm-utils.js"')  # a worker has no import map
    for script in (*folder.glob("*.js"), *folder.glob("*.mjs")):
        strip_map(script)
    packages = [f"{package.name} {package.version}\n" for package in PACKAGES[runtime]]
    (folder / "PACKAGES.txt").write_text("Unchanged but for import paths, from npm:\n" + "".join(packages))


def replace(script: Path, old: str, new: str) -> None:
    text = script.read_text()
    if old not in text:
        raise UserError(f"{script.name} does not import {old}: it is of another version; clear the cache")
    script.write_text(text.replace(old, new))


def strip_map(script: Path) -> None:
    """Take out the reference to a source map that is not copied: a browser's tools would look for it."""
    lines = script.read_text().splitlines(keepends=True)
    script.write_text("".join(line for line in lines if not line.startswith("//# sourceMappingURL=")))
