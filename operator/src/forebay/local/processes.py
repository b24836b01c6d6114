"""Pod processes: started through the shim, recognised again after a restart of the plane, stopped as a group.

Used by pods.py. It knows folders and processes, no Kubernetes objects.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_SHIM = Path(__file__).with_name("shim.py")


@dataclass(frozen=True)
class Exit:
    """How a process ended: its code (128 + n after signal n) and when, in seconds since 1970."""

    code: int
    finished_at: float


def start(folder: Path, argv: Sequence[str], env: Mapping[str, str]) -> None:
    """Starts argv; what is needed to find it again is on disk when this returns."""
    (folder / "exit.json").unlink(missing_ok=True)
    command = [sys.executable, "-S", "-E", str(_SHIM), str(folder), *argv]
    # ruff: argv comes from our own manifests, as a list, without a shell
    shim = subprocess.Popen(  # noqa: S603
        command, env=dict(env), cwd=folder, start_new_session=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _reap_later(shim)
    mark = {"pid": shim.pid, "started": _start_time(shim.pid)}
    temporary = folder / "shim.json.tmp"
    temporary.write_text(json.dumps(mark))
    temporary.rename(folder / "shim.json")


_children: list[subprocess.Popen[bytes]] = []


def _reap_later(shim: subprocess.Popen[bytes]) -> None:
    """Keeps the handle, so that ended shims of this process do not stay as zombies."""
    _children[:] = [child for child in _children if child.poll() is None]
    _children.append(shim)


def _start_time(pid: int) -> str:
    """A process's start time where the kernel tells: a pid may be given to another process later."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    return stat.rpartition(")")[2].split()[19]


def alive(folder: Path) -> bool:
    """Whether the shim of this pod folder runs."""
    pid = shim_pid(folder)
    if pid is None:
        return False
    for child in _children:
        if child.pid == pid and child.poll() is not None:
            return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return False  # somebody else's process has this pid now
    return _start_time(pid) == json.loads((folder / "shim.json").read_text())["started"]


def shim_pid(folder: Path) -> int | None:
    """The pid of the pod's shim, which is its process group's id too."""
    try:
        return int(json.loads((folder / "shim.json").read_text())["pid"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def ended(folder: Path) -> Exit | None:
    """How the process ended, or None while nothing was left behind."""
    try:
        raw = json.loads((folder / "exit.json").read_text())
    except FileNotFoundError:
        return None
    return Exit(int(raw["code"]), float(raw["finishedAt"]))


def terminate(folder: Path) -> None:
    """SIGTERM to the shim, which passes it on to the pod's process."""
    _signal(folder, signal.SIGTERM)


def kill(folder: Path) -> None:
    """SIGKILL to the whole process group."""
    pid = shim_pid(folder)
    if pid is not None and (alive(folder) or ended(folder) is None):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


def _signal(folder: Path, number: signal.Signals) -> None:
    pid = shim_pid(folder)
    if pid is not None and alive(folder):
        with suppress(ProcessLookupError):
            os.kill(pid, number)
