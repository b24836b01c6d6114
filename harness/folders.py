"""Where the harness keeps things: what is built once per user, and the state of one cluster or of the servers."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


@dataclass(frozen=True)
class StateFolder:
    """A folder of programs that run: what they read, write and say."""

    root: Path

    def folder(self, *parts: str) -> Path:
        """A folder below the state folder; made when it is missing."""
        path = self.root.joinpath(*parts)
        path.mkdir(parents=True, exist_ok=True)
        return path

    def log(self, name: str) -> Path:
        """What a process said."""
        return self.folder("log") / f"{name}.log"

    def certificate(self, name: str) -> Path:
        """The certificate of `name`; its key lies beside it."""
        return self.folder("pki") / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The key of `name`."""
        return self.folder("pki") / f"{name}.key"


def cache(*parts: str) -> Path:
    """A folder below the user's cache folder; made when it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "forebay", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def state() -> Path:
    """The cluster's state folder: CLUSTER_DIR, else `.cluster` of this checkout. Not made here."""
    return Path(os.environ.get("CLUSTER_DIR") or ROOT / ".cluster").absolute()


def servers() -> Path:
    """The servers' state folder: SERVERS_DIR, else `.servers` of this checkout. Not made here."""
    return Path(os.environ.get("SERVERS_DIR") or ROOT / ".servers").absolute()


@contextmanager
def locked(folder: Path, name: str = "lock") -> Iterator[None]:
    """One process at a time; others wait. The kernel frees the lock of one that was killed."""
    with (folder / name).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
