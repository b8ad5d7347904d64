"""Speech Commands (Warden, 2018), downloaded: resumed where it was cut, checked, and unpacked safely."""

import hashlib
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from kwsstream.errors import UserError
from kwsstream.files import making, whole, writing

SOURCES = {
    "v0.01": (
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.01.tar.gz",
        "743935421bb51cccdb6bdd152e04c5c70274e935c82119ad7faeec31780d811d",
    ),
    "v0.02": (
        "https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    ),
}
TRIES = 5
CHUNK = 1 << 20
FAILURES = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


def download(root: Path, version: str = "v0.02", source: tuple[str, str] | None = None) -> None:
    """Download and unpack a version of the data set to `root`; `source` is another (address, SHA-256) of it.

    A download that was cut goes on where it stopped, in this call or the next. Raises UserError where the data
    cannot be had, is not what it should be, or holds a path that leads outside.
    """
    address, sha256 = source or SOURCES[version]
    with making(root):
        if root.is_dir():
            return
        archive = root.with_name(f"{root.name}.tar.gz.part")
        with writing(archive):
            fetch(address, archive)
        verify(archive, sha256, address)
        unpack(archive, root)
        archive.unlink()


def fetch(address: str, archive: Path) -> None:
    """The file at an address, going on after the bytes that `archive` already holds."""
    for attempt in range(1, TRIES + 1):
        try:
            if fetch_rest(address, archive):
                return
            problem = "the connection was cut"
        except urllib.error.HTTPError as error:
            if error.code == 416:  # nothing is left: the archive is whole
                return
            problem = f"HTTP {error.code}"
        except FAILURES as error:
            problem = str(getattr(error, "reason", error)) or type(error).__name__
        tqdm.write(f"downloading {address}: {problem} (try {attempt} of {TRIES})")
    raise UserError(
        f"cannot download {address}: {problem}; run again to go on, or give an existing folder as data.root, "
        "or train on data.corpus=spoken"
    )


def fetch_rest(address: str, archive: Path) -> bool:
    """Append what is missing. Whether the server sent all that it announced."""
    have = archive.stat().st_size if archive.is_file() else 0
    request = urllib.request.Request(address, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=60) as response:
        resumed = response.status == 206
        have = have if resumed else 0
        total = have + int(response.headers["Content-Length"])
        with (
            archive.open("ab" if resumed else "wb") as file,
            tqdm(desc="downloading", total=total, initial=have, unit="B", unit_scale=True) as bar,
        ):
            while chunk := response.read(CHUNK):
                bar.update(file.write(chunk))
    return archive.stat().st_size >= total


def verify(archive: Path, sha256: str, address: str) -> None:
    with archive.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        archive.unlink()
        raise UserError(f"{address} has SHA-256 {found}, expected {sha256}: it was damaged and removed; run again")


def unpack(archive: Path, root: Path) -> None:
    """All of the archive, or nothing."""
    try:
        with whole(root) as beside, tarfile.open(archive, "r:gz") as tar:
            beside.mkdir()
            for member in tqdm(tar, "unpacking", unit="file"):
                tar.extract(member, beside, filter="data")
    except (tarfile.TarError, EOFError, shutil.ReadError) as error:
        raise UserError(
            f"{archive} cannot be unpacked ({error}): nothing was kept of it; do not trust its source"
        ) from error
