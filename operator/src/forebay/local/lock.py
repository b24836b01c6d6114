"""One plane per state folder: an advisory lock that ends with its process, and how the keeper steps down for it.

Used by `plane.py` (takes it), `keeper.py` (is asked to give it up).
"""

from __future__ import annotations

import fcntl
import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import IO

from forebay.errors import PlaneBusy

KEEPER = "keeper"
RUNNER = "run"
_PATIENCE = 10.0  # seconds that a keeper is given to step down
_GLIMPSE = 0.3  # seconds: `held` of another process looks at the lock, it does not hold it


class PlaneLock:
    """The lock file says who holds it: «<role> <pid>»."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: IO[str] | None = None

    def take(self, role: str) -> None:
        """Takes the lock; a keeper that holds it is asked to step down. PlaneBusy when a runner holds it."""
        began = time.monotonic()
        asked = 0
        while not self._try(role):
            holder, pid = self.holder()
            if holder == RUNNER and role == RUNNER and time.monotonic() > began + _GLIMPSE:
                raise PlaneBusy(
                    f"another `forebay run` (process {pid}) works in {self._path.parent};"
                    " wait for it, or name another folder with --state"
                )
            if holder == KEEPER and asked != pid:
                asked = pid
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)
            if time.monotonic() > began + _PATIENCE:
                raise PlaneBusy(f"process {pid} does not let go of {self._path.parent}")
            time.sleep(0.02)

    def _try(self, role: str) -> bool:
        file = self._path.open("a+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{role} {os.getpid()}")
        file.flush()
        self._file = file
        return True

    def holder(self) -> tuple[str, int]:
        """Role and pid of the process that wrote last; ("", 0) when it has not yet."""
        with suppress(FileNotFoundError, ValueError):
            role, pid = self._path.read_text().split()
            return role, int(pid)
        return "", 0

    def held(self) -> bool:
        """Whether any process holds the lock now."""
        if not self._path.exists():
            return False
        with self._path.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False

    def release(self) -> None:
        """Lets go; may be called twice."""
        if self._file is not None:
            self._file.truncate(0)  # nobody may take a pid of the past for the holder's
            self._file.close()
            self._file = None
