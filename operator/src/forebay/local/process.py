"""One container as a process: started through the shim, found again by a later plane, waited for, stopped.

Used by worker.py and pods.py. Everything about the process is in its folder; whether it runs is told by a lock that the
shim holds, which no reused process id can fake. It knows nothing of pods and objects.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

LOST = 137  # exit code of a process of which nothing is known but that it is gone: as if killed
_SHIM = Path(__file__).with_name("shim.py")
_POLL = 0.1  # seconds between two looks where the system cannot tell of an end
_STARTING = 5.0  # seconds that a shim may take to say which process it started

Found = Literal["never", "running", "ended", "lost"]


@dataclass(frozen=True)
class Command:
    """What to execute: absolute program, whole environment, working folder."""

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path


class Process:
    """The process of a pod's folder; at most one at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started = folder / "started.json"
        self._exit = folder / "exit.json"
        self._lock = folder / "lock"

    @property
    def log(self) -> Path:
        """What all its starts printed."""
        return self.folder / "log.txt"

    def start(self, command: Command) -> None:
        """Starts it; raises BlockingIOError when it runs already."""
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.forget()
            os.set_inheritable(lock, True)
            self._spawn(self._spec(command), lock)
        finally:
            os.close(lock)

    def _spec(self, command: Command) -> Path:
        spec = {
            "argv": list(command.argv),
            "env": dict(command.env),
            "cwd": str(command.cwd),
            "started": str(self._started),
            "exit": str(self._exit),
        }
        path = self.folder / "spec.json"
        path.touch(mode=0o600)
        path.write_text(json.dumps(spec), encoding="utf-8")
        return path

    def _spawn(self, spec: Path, lock: int) -> None:
        append = os.O_WRONLY | os.O_CREAT | os.O_APPEND
        os.posix_spawn(
            sys.executable,
            [sys.executable, "-I", "-S", str(_SHIM), str(spec), str(lock)],
            {},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_OPEN, 1, str(self.log), append, 0o600),
                (os.POSIX_SPAWN_DUP2, 1, 2),
            ],
            setsid=True,
        )

    def look(self) -> Found:
        """Where it stands. «never»: no start that came as far as a process."""
        if self._held():
            return "running"
        if self._exit.exists():
            return "ended"
        return "lost" if self._started.exists() else "never"

    def forget(self) -> None:
        """Takes its end off the disk: from now on it was never started."""
        self._started.unlink(missing_ok=True)
        self._exit.unlink(missing_ok=True)

    def started_at(self) -> float:
        """When it was started, seconds since the epoch; now when nothing is known of it yet."""
        return self._started.stat().st_mtime if self._started.exists() else time.time()

    def ended_at(self) -> float:
        """When it ended, as far as that is known."""
        return self._exit.stat().st_mtime if self._exit.exists() else time.time()

    def code(self) -> int:
        """Its exit code, 128 + n after a signal; LOST when nobody was there to see it."""
        return int(_read(self._exit).get("code", LOST))

    async def wait(self) -> int:
        """Returns its exit code once it is over; leftovers of a shim that was killed are killed too."""
        with _Ending(await self._shim()) as ending:
            while self.look() == "running":
                await ending.wait()
        if self.look() == "lost":
            self._signal_group(signal.SIGKILL)
        return self.code()

    def terminate(self) -> None:
        """SIGTERM to the container."""
        self._signal_shim(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL to all that the container started; the shim stays to write the exit code."""
        if self.look() == "running":
            self._signal_group(signal.SIGKILL)

    async def stop(self, grace: float) -> int:
        """SIGTERM, after `grace` seconds SIGKILL; returns the exit code."""
        await self._shim()
        self.terminate()
        try:
            async with asyncio.timeout(max(grace, 0.0)):
                return await self.wait()
        except TimeoutError:
            self.kill()
            return await self.wait()

    async def _shim(self) -> int | None:
        """The shim's process id once it said so; None when it ended without."""
        end = time.monotonic() + _STARTING
        while not self._started.exists() and self.look() == "running" and time.monotonic() < end:
            await asyncio.sleep(0.01)
        return _read(self._started).get("shim")

    def _held(self) -> bool:
        try:
            fd = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(fd)
        return False

    def _signal_shim(self, number: int) -> None:
        shim = _read(self._started).get("shim")
        if shim and self.look() == "running":
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, number)

    def _signal_group(self, number: int) -> None:
        started = _read(self._started)
        child = started.get("child")
        if child and _same_process(child, started.get("born")):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child, number)


def _read(path: Path) -> dict[str, Any]:
    try:
        value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return value


def _same_process(pid: int, born: str | None) -> bool:
    """False when the number was given to a later process; where /proc is missing it is trusted."""
    if born is None:
        return True
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[19] == born


class _Ending:
    """Wakes when a process ends: by the kernel's word where it gives one, else by looking now and then."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._ended = asyncio.Event()
        self._fd: int | None = None

    def __enter__(self) -> Self:
        if self._pid is not None and hasattr(os, "pidfd_open"):
            with contextlib.suppress(OSError):  # already gone, or a kernel without it
                self._fd = os.pidfd_open(self._pid)
                asyncio.get_running_loop().add_reader(self._fd, self._ended.set)
        return self

    def __exit__(self, *_: object) -> None:
        if self._fd is not None:
            asyncio.get_running_loop().remove_reader(self._fd)
            os.close(self._fd)
        if self._pid is not None:
            with contextlib.suppress(ChildProcessError):  # another plane's child
                os.waitpid(self._pid, os.WNOHANG)

    async def wait(self) -> None:
        """Returns after the end, or after a while."""
        if self._fd is None or self._ended.is_set():
            await asyncio.sleep(_POLL)
            return
        await self._ended.wait()
