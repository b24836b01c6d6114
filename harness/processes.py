"""Long-running programs: started apart from us, found again by pid and start time, ended by us only.

A pid file holds the pid and the kernel's start time of that process, so that a pid that the kernel gave to
somebody else meanwhile is never signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from harness.folders import StateFolder

_TAIL = 15  # lines of a log that an error shows
_STEP = 0.1  # seconds between two looks
_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}  # by pid, those that this process started itself


class Processes:
    """Those of one state folder, by name."""

    def __init__(self, layout: StateFolder) -> None:
        self._layout = layout

    def _file(self, name: str) -> Path:
        return self._layout.root / "pids" / name

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> None:
        """Starts the program in a session of its own; its output goes to the log of that name."""
        self._layout.folder("pids")
        with self._layout.log(name).open("ab") as log:
            child = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                cwd=self._layout.root,
                env=env,
            )
        _CHILDREN[child.pid] = child
        self._file(name).write_text(f"{child.pid} {_started(child.pid)}")

    def adopt(self, names: Sequence[str], proc: Path = Path("/proc")) -> list[str]:
        """Those of these programs that run in the state folder are known again, though it was deleted meanwhile."""
        root, found = str(self._layout.root), []
        for process in proc.glob("[0-9]*"):
            try:
                there = str((process / "cwd").readlink()).removesuffix(" (deleted)")
                name = Path((process / "cmdline").read_text().split("\0")[0]).name
            except OSError:  # it has ended meanwhile
                continue
            if there == root and name in names:
                self._layout.folder("pids")
                self._file(name).write_text(f"{process.name} {_started(int(process.name))}")
                found.append(name)
        return found

    def pid(self, name: str) -> int | None:
        """The pid of the running program; None when it does not run."""
        try:
            pid, started = self._file(name).read_text().split()
        except (OSError, ValueError):
            return None
        if int(pid) in _CHILDREN and _CHILDREN[int(pid)].poll() is not None:
            del _CHILDREN[int(pid)]  # its exit code is taken: the kernel forgets it, and so do we
        return int(pid) if _started(int(pid)) == started else None

    def wait(self, name: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Until `ready()`. Raises RuntimeError with the last lines of the log when it ends first or takes too long."""
        end = time.monotonic() + seconds
        while not ready():
            if self.pid(name) is None or time.monotonic() > end:
                why = "ended" if self.pid(name) is None else f"is not ready after {seconds:.0f} s"
                lines = self._layout.log(name).read_text(errors="replace").splitlines()[-_TAIL:]
                raise RuntimeError("\n".join([f"{name} {why}; its last lines:", *lines]))
            time.sleep(_STEP)

    def stop(self, name: str, seconds: float = 15) -> None:
        """SIGTERM, then SIGKILL; a program that does not run is fine."""
        for number, patience in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            pid = self.pid(name)
            if pid is None:
                break
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
            _wait_for_end(lambda: self.pid(name) is None, patience)
        self._file(name).unlink(missing_ok=True)

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would end it; returns when the kernel has taken it away."""
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            _wait_for_end(lambda: self.pid(name) is None, 5.0)

    def names(self) -> list[str]:
        """Of all programs that were started and not stopped, running or not."""
        return sorted(path.name for path in self._layout.root.glob("pids/*"))


def _wait_for_end(ended: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not ended() and time.monotonic() < end:
        time.sleep(_STEP)


def _started(pid: int) -> str:
    """The start time of a process as the kernel counts it; "" for none, and for one that has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    fields = text.rpartition(")")[2].split()  # the name before it may hold blanks
    return "" if fields[0] == "Z" else fields[19]
