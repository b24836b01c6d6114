"""The folder behind a files store: paths that stay inside it, listings, whole-or-nothing writes.

Used by `files.py` and its parts only. A local path or any fsspec URL; this is the one place where
fsspec and the operating system are called and where their errors become ours.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import posixpath
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from fsspec.core import url_to_fs

from forebay_workloads.errors import (
    NO_SPACE,
    ConfigError,
    DataError,
    RetryableError,
    StageError,
    cut,
)

HIDDEN = (".", "_")  # names that start so are bookkeeping, never data
OPENINGS = 3  # of a new file, while others prune its folder
SPARE_SECONDS = 3_600  # a spare file this old has no writer any more
STAMP_FIELDS = ("ETag", "etag", "md5Hash", "mtime", "LastModified", "last_modified", "created")


@dataclass(frozen=True)
class FileInfo:
    """A file of the tree. `stamp` changes when its content does, as far as the file system tells."""

    path: str  # below the root, with slashes
    size: int  # bytes
    stamp: str


def wrapped(error: OSError, what: str) -> StageError:
    """Our error for the operating system's or fsspec's."""
    text = f"{what}: {cut(error)}"
    if error.errno in NO_SPACE:
        return RetryableError("DiskFull", f"{text}; nothing of this write is kept")
    if isinstance(error, FileNotFoundError):
        return ConfigError("ReferenceMissing", text)
    if isinstance(error, PermissionError):
        return ConfigError("StoreAuthFailed", text)
    return RetryableError("StoreUnreachable", text)


@contextmanager
def guarded(what: str) -> Iterator[None]:
    """A block whose OSErrors become ours."""
    try:
        yield
    except OSError as error:
        raise wrapped(error, what) from error


class Tree:
    """Files below one root."""

    def __init__(self, url: str, name: str) -> None:
        try:
            self.fs, root = url_to_fs(url)
        except (ImportError, ValueError) as error:
            message = f"DataStore {name}: files.url {url!r} cannot be opened here: {cut(error)}"
            raise ConfigError("FieldNotSupportedInMode", message) from error
        self.local = "file" in (
            [self.fs.protocol] if isinstance(self.fs.protocol, str) else self.fs.protocol
        )
        self.root = os.path.realpath(root) if self.local else root.rstrip("/")
        self.url = url

    def full(self, path: str) -> str:
        """The file system's own path of a name below the root; ConfigError when it leads out."""
        parts = path.split("/")
        if path.startswith("/") or ".." in parts or "\0" in path or "\\" in path or ":" in parts[0]:
            message = (
                f"{path!r} leads out of {self.url}; names are relative and stay below files.url"
            )
            raise ConfigError("ReferenceMissing", message)
        full = f"{self.root}/{posixpath.normpath(path)}" if path not in ("", ".") else self.root
        self._check_inside(full, path)
        return full

    def _check_inside(self, full: str, path: str) -> None:
        """A link may not lead out of the root either."""
        if not self.local:
            return
        real = os.path.realpath(full)
        if real != self.root and not real.startswith(self.root.rstrip("/") + "/"):
            message = f"{path!r} is a link that leads out of {self.url}"
            raise ConfigError("ReferenceMissing", message)

    def below(self, full: str) -> str:
        """The inverse of `full`."""
        return full.removeprefix(self.root).lstrip("/")

    def exists(self, path: str) -> bool:
        """Whether there is a file or folder."""
        with guarded(self.shown(path)):
            return bool(self.fs.exists(self.full(path)))

    def is_folder(self, path: str) -> bool:
        """Whether there is a folder of that name."""
        with guarded(self.shown(path)):
            return bool(self.fs.isdir(self.full(path)))

    def shown(self, path: str) -> str:
        """The path as messages name it: resolved."""
        return f"{self.root}/{path}" if self.local else f"{self.url.rstrip('/')}/{path}"

    def info(self, path: str) -> FileInfo:
        """Size and stamp of a file; ConfigError ReferenceMissing when it is not there."""
        full = self.full(path)
        with guarded(self.shown(path)):
            if self.local:
                status = Path(full).stat()
                stamp = (
                    f"{status.st_size}-{status.st_mtime_ns}-{status.st_ctime_ns}-{status.st_ino}"
                )
                return FileInfo(path, status.st_size, stamp)
            return self._remote(path, self.fs.info(full))

    @staticmethod
    def _remote(path: str, info: dict[str, Any]) -> FileInfo:
        told = {name: str(info[name]) for name in STAMP_FIELDS if info.get(name) is not None}
        size = int(info.get("size") or 0)
        return FileInfo(path, size, json.dumps({"size": size, **told}, sort_keys=True))

    def pinnable(self, files: Iterable[FileInfo]) -> bool:
        """Whether the stamps say more than the size."""
        return self.local or all(len(json.loads(file.stamp)) > 1 for file in files)

    def glob(self, pattern: str) -> list[str]:
        """Files that match, sorted; hidden ones left out."""
        with guarded(self.shown(pattern)):
            found = self.fs.glob(self.full(pattern), detail=True)
        return self._visible(found)

    def walk(self, folder: str) -> list[str]:
        """All files of a folder and the folders in it, sorted; hidden ones left out."""
        with guarded(self.shown(folder)):
            found = self.fs.find(self.full(folder), detail=True)
        return self._visible(found, folder)

    def _visible(self, found: dict[str, dict[str, Any]], folder: str = "") -> list[str]:
        names = []
        for full, info in found.items():
            path = self.below(full)
            inner = path.removeprefix(folder).lstrip("/").split("/")
            if info["type"] == "directory" or any(part.startswith(HIDDEN) for part in inner):
                continue
            self._check_inside(full, path)
            names.append(path)
        return sorted(names)

    def all_files(self, folder: str) -> list[str]:
        """Every file below a folder, also hidden ones; empty when there is no folder."""
        with guarded(self.shown(folder)):
            return sorted(self.below(full) for full in self.fs.find(self.full(folder)))

    def missing(self, path: str) -> ConfigError:
        """The error for a name that is not there: where it was looked for and what is there instead."""
        folder = posixpath.dirname(path.split("*", maxsplit=1)[0])
        there: list[str] = []
        with contextlib.suppress(OSError, StageError):
            there = [
                posixpath.basename(one.rstrip("/"))
                for one in self.fs.ls(self.full(folder), detail=False)
            ]
        there = sorted(name for name in there if not name.startswith("."))
        close = difflib.get_close_matches(posixpath.basename(path), there, n=1)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        more = ", …" if len(there) > 10 else ""  # noqa: PLR2004 - as many as one line of status holds
        listed = f"there is: {', '.join(there[:10])}{more}" if there else "nothing is there"
        return ConfigError("ReferenceMissing", f"{self.shown(path)} does not exist; {listed}{hint}")

    def open(self, path: str) -> BinaryIO:
        """A readable, seekable stream."""
        full = self.full(path)
        with guarded(self.shown(path)):
            return cast("BinaryIO", self.fs.open(full, "rb"))

    def read(self, path: str) -> bytes:
        """All of a small file."""
        with guarded(self.shown(path)), self.open(path) as file:
            return file.read()

    def write(self, path: str, chunks: Iterable[bytes]) -> None:
        """Writes a file whole or not at all, in place of what was there."""
        spare = self.spare(path)
        try:
            self.fill(spare, chunks)
            self.move(spare, path)
        except BaseException:
            self.remove(spare)
            raise

    @staticmethod
    def spare(path: str) -> str:
        """A hidden name beside `path`, for a file that is not finished."""
        folder, name = posixpath.split(path)
        return posixpath.join(folder, f".{name}.{uuid.uuid4().hex[:12]}.part")

    def make_folder(self, path: str) -> None:
        """Makes a folder; no error when it is there."""
        with guarded(self.shown(path)):
            self.fs.makedirs(self.full(path), exist_ok=True)

    def fill(self, path: str, chunks: Iterable[bytes]) -> None:
        """Writes chunks to a spare file and makes sure they are on the disk."""
        full = self.full(path)
        with guarded(self.shown(path)), self._opened(full) as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            if self.local:
                os.fsync(file.fileno())

    def move(self, spare: str, path: str) -> None:
        """Gives a finished spare file its name."""
        source, target = self.full(spare), self.full(path)
        with guarded(self.shown(path)):
            if not self.local:
                self.fs.mv(source, target)
                return
            Path(source).replace(target)
            folder = os.open(posixpath.dirname(target), os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def remove(self, path: str) -> None:
        """Removes a file; no error when there is none."""
        full = self.full(path)
        with guarded(self.shown(path)), contextlib.suppress(FileNotFoundError):
            self.fs.rm_file(full)

    def prune(self, folder: str) -> None:
        """Removes a folder of this machine and those around it, as far as they are empty."""
        while self.local and folder:
            try:
                Path(self.full(folder)).rmdir()
            except OSError:  # not empty, gone already, or not ours to remove
                return
            folder = posixpath.dirname(folder)

    def _opened(self, full: str) -> Any:
        """A new file to write, with the folders that it needs."""
        for _ in range(OPENINGS):
            self.fs.makedirs(posixpath.dirname(full), exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # another process pruned the folder
                return self.fs.open(full, "wb")
        return self.fs.open(full, "wb")

    def sweep(self, path: str) -> None:
        """Removes what killed writers of `path` left."""
        folder, name = posixpath.split(path)
        if not self.local or not self.is_folder(folder):
            return
        for spare in Path(self.full(folder)).glob(f".{_escaped(name)}.*.part"):
            with contextlib.suppress(FileNotFoundError):
                if time.time() - spare.stat().st_mtime > SPARE_SECONDS:
                    spare.unlink()


def _escaped(name: str) -> str:
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in name)


def expired(path: str) -> DataError:
    """The error of a file that is not the one that was pinned."""
    return DataError("SnapshotExpired", f"{path} was changed since it was pinned; start a new run")
