"""What a cluster leaves besides its own programs: containers, mounts, cgroups, links to logs. All of ours goes.

Called by bare.py after containerd's clients have ended. Nothing that another runtime made is touched: every step
looks for the path of our socket or of our state folder first.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

from harness.cluster.layout import Layout
from harness.shell import attempt

_CGROUPS = Path("/sys/fs/cgroup")
_LOG_LINKS = Path("/var/log/containers")  # the kubelet knows no other place


def end_containers(layout: Layout) -> None:
    """Kills the keepers of OUR containerd's containers, each with all that it keeps."""
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes()
        except OSError:  # it has ended meanwhile
            continue
        if keeps(command, layout):
            _kill_tree(int(path.parent.name))


def keeps(command: bytes, layout: Layout) -> bool:
    """Whether a command line, as the kernel has it, is that of a shim of our containerd. Pure."""
    program, *arguments = command.split(b"\0")
    return b"containerd-shim" in program and str(layout.socket).encode() in arguments


def _kill_tree(pid: int) -> None:
    """A process and those below it, these first: a shim that goes first would hand them to somebody else."""
    try:
        below = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        below = []
    for child in below:
        _kill_tree(int(child))
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def unmount(layout: Layout) -> None:
    """Unmounts all that is mounted below the state folder, the innermost first."""
    for mount in mounts(Path("/proc/mounts").read_text(), layout.root):
        attempt("umount", mount)
    for mount in mounts(Path("/proc/mounts").read_text(), layout.root):
        attempt("umount", "--lazy", mount)  # somebody still looks into it


def mounts(table: str, root: Path) -> list[str]:
    """The mount points below `root` in the kernel's table, the innermost first. Pure."""
    points = [line.split()[1].replace("\\040", " ") for line in table.splitlines()]
    return sorted((point for point in points if point.startswith(f"{root}/")), reverse=True)


def remove(layout: Layout) -> None:
    """Removes empty cgroups of pods, and the links to their logs."""
    for group in _groups():
        try:
            group.rmdir()
        except OSError:  # not empty: not ours, or somebody hangs in it
            continue
    for link in _LOG_LINKS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{layout.root}/"):
            link.unlink()


def _groups() -> Iterator[Path]:
    """Pods' cgroups in every hierarchy, the innermost first."""
    tops = [*_CGROUPS.glob("kubepods"), *_CGROUPS.glob("*/kubepods")]
    for top in tops:
        for folder, _, _ in os.walk(top, topdown=False):
            yield Path(folder)
