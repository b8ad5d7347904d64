"""Files of packages from npm, fetched once and kept: what runs a model in JavaScript is not of this project."""

import shutil
import subprocess
import tarfile
from pathlib import Path
from typing import NamedTuple

from kwsstream.errors import UserError
from kwsstream.files import cache_folder, making, whole


class Package(NamedTuple):
    """The files wanted of a version of a package, each with the name it gets."""

    name: str
    version: str
    files: dict[str, str]


def fetched(package: Package) -> Path:
    """The folder with a package's files. UserError where npm is missing, or has no such package."""
    folder = cache_folder() / "npm" / f"{package.name.lstrip('@').replace('/', '-')}-{package.version}"
    with making(folder):
        if not all((folder / name).is_file() for name in package.files.values()):
            shutil.rmtree(folder, ignore_errors=True)
            with whole(folder) as beside:
                beside.mkdir()
                extract(pack(package, beside), package, beside)
    return folder


def program(name: str, why: str) -> str:
    """The path of node or npm. UserError, with the cure, where it is not installed."""
    found = shutil.which(name)
    if not found:
        raise UserError(f"{name} is not installed: {why}; install Node.js 18 or newer, which brings it")
    return found


def pack(package: Package, folder: Path) -> Path:
    """Download a package as npm stores it."""
    wanted = f"{package.name}@{package.version}"
    line = [program("npm", f"{wanted} comes through it"), "pack", wanted, "--silent", "--pack-destination", str(folder)]
    done = subprocess.run(line, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    packed = list(folder.glob("*.tgz"))
    if done.returncode or not packed:
        words = " ".join((done.stderr or done.stdout).split()) or f"exit code {done.returncode}"
        raise UserError(f"npm cannot fetch {wanted} ({words[-300:]}): check the network and npm's registry")
    return packed[0]


def extract(packed: Path, package: Package, folder: Path) -> None:
    with tarfile.open(packed) as archive:
        for inside, name in package.files.items():
            try:
                (folder / name).write_bytes(archive.extractfile(f"package/{inside}").read())
            except KeyError as error:
                raise UserError(
                    f"{package.name} {package.version} has no file {inside}: use another version"
                ) from error
    packed.unlink()
