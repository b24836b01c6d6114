"""The parent of a pod's process: outlives the plane, hands SIGTERM on, writes the exit code down.

Started by process.py as a script with `python -I -S`, so it imports little and nothing of ours. The lock
that it inherits tells a later plane that it is alive; the container must not inherit it.
"""

import json
import os
import signal
import sys


def _write(path: str, value: dict[str, object]) -> None:
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.rename(path + ".part", path)


def _born(pid: int) -> str | None:
    """The start time that tells a process from a later one of its number; None where /proc is missing."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except OSError:
        return None


def _container(argv: list[str], env: dict[str, str], folder: str) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    try:
        os.chdir(folder)
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is the point
    except OSError as error:
        os.write(2, f"cannot start {argv[0]}: {error.strerror}\n".encode())
        os._exit(127)


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return  # it ended by itself


def main(path: str, lock: int) -> None:
    """Runs the container that the file at `path` describes, to its end."""
    with open(path, encoding="utf-8") as file:
        spec = json.load(file)
    os.set_inheritable(lock, False)
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    child = os.fork()
    if child == 0:
        _container(spec["argv"], spec["env"], spec["cwd"])
    signal.signal(signal.SIGTERM, lambda *_: _signal(child, signal.SIGTERM))
    _write(spec["started"], {"shim": os.getpid(), "child": child, "born": _born(child)})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    _signal(-child, signal.SIGKILL)  # what the container left behind
    _write(spec["exit"], {"code": code if code >= 0 else 128 - code})


main(sys.argv[1], int(sys.argv[2]))
