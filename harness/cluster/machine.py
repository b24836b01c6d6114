"""The machine that carries the cluster: whether it may, whose it is now, and the kernel's settings as they were.

Called by bare.py. It ends nothing: what a cluster leaves behind is removed by remains.py and network.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from harness.cluster.layout import PORTS, Layout
from harness.processes import Processes

OWNER = Path("/run/forebay-cluster")  # holds the state folder of this machine's bare cluster
_SETTINGS = Path("/proc/sys")
# What kubelet and kube-proxy set on their own, and what `network.up` sets.
SETTINGS = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/route_localnet",
    "net/bridge/bridge-nf-call-iptables",
    "net/netfilter/nf_conntrack_tcp_timeout_established",
    "net/netfilter/nf_conntrack_tcp_timeout_close_wait",
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_LISTENING = "0A"  # the kernel's number of that state


@contextmanager
def owned(layout: Layout) -> Iterator[TextIO]:
    """One `up` or `down` at a time on a machine; gives the file that names the owner."""
    waited = False
    while True:
        with OWNER.open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waited:
                    print("waiting for another command on this machine's cluster", file=sys.stderr)
                waited = True
                fcntl.flock(file, fcntl.LOCK_EX)
            if not _is_current(file):  # it was removed by the one that we waited for
                continue
            file.seek(0)
            _check_owner(file.read(), layout)
            yield file
            return


def _is_current(file: TextIO) -> bool:
    return OWNER.exists() and OWNER.stat().st_ino == os.fstat(file.fileno()).st_ino


def _check_owner(other: str, layout: Layout) -> None:
    if not other or other == str(layout.root):
        return
    theirs = Processes(Layout(Path(other)))
    if any(theirs.pid(name) for name in theirs.names()):
        raise RuntimeError(
            f"this machine runs the cluster of {other}: end it with CLUSTER_DIR={other} make cluster-down"
        )


def owner() -> str:
    """The state folder of this machine's cluster, as it was written down; "" for none."""
    return OWNER.read_text() if OWNER.exists() else ""


def take(file: TextIO, layout: Layout) -> None:
    """Writes us down as the owner."""
    file.truncate(0)
    file.write(str(layout.root))
    file.flush()


def release() -> None:
    """Nobody is the owner any more. Called with the lock held."""
    OWNER.unlink(missing_ok=True)


def check(layout: Layout) -> None:
    """Raises RuntimeError with what to do when this machine cannot carry the cluster."""
    if platform.system() != "Linux":
        raise RuntimeError("a bare cluster needs Linux; elsewhere start Docker, and kind is used")
    if os.geteuid() != 0:
        raise RuntimeError(
            "a bare cluster needs root (network, mounts); or start Docker, and kind is used"
        )
    if len(str(layout.socket)) > _LONGEST_SOCKET:
        raise RuntimeError(f"{layout.root} is too long for a socket's path: set CLUSTER_DIR")


_LONGEST_SOCKET = 100  # Unix allows 107 characters; containerd appends `.ttrpc`


def check_ports(pid: Callable[[str], int | None]) -> None:
    """Raises RuntimeError when somebody else listens where a program that does not run yet has to."""
    busy = listening(Path("/proc/net/tcp").read_text() + Path("/proc/net/tcp6").read_text())
    for name, ports in PORTS.items():
        taken = sorted(busy & set(ports))
        if taken and pid(name) is None:
            raise RuntimeError(f"port {taken[0]}, which {name} needs, is taken by another program")


def listening(table: str) -> set[int]:
    """The ports that the kernel's table of TCP sockets lists as listening. Pure."""
    lines = [line.split() for line in table.splitlines()]
    return {
        int(fields[1].rpartition(":")[2], 16)
        for fields in lines
        if len(fields) > 3 and fields[3] == _LISTENING  # noqa: PLR2004 - the state's column
    }


def remember(layout: Layout) -> None:
    """Writes the kernel's settings down, once: a second `up` must not take ours for the machine's."""
    file = _remembered(layout)
    if file.exists():
        return
    paths = [(name, _SETTINGS / name) for name in SETTINGS]
    file.write_text(json.dumps({name: path.read_text() for name, path in paths if path.exists()}))


def restore(layout: Layout) -> None:
    """The settings as they were before the first `up`."""
    file = _remembered(layout)
    if not file.exists():
        return
    for name, value in json.loads(file.read_text()).items():
        path = _SETTINGS / name
        if path.exists() and path.read_text() != value:
            path.write_text(value)
    file.unlink()


def _remembered(layout: Layout) -> Path:
    return layout.root / "settings.json"
