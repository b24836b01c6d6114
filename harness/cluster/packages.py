"""Programs that the machine's own package manager has: Debian's; elsewhere a message says what is missing."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from harness.cluster.node import CNI_PROGRAMS
from harness.shell import run

# a program → its Debian package
_PROGRAMS = {
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "openssl": "openssl",
    "ip": "iproute2",
    "sysctl": "procps",
    f"{CNI_PROGRAMS}/bridge": "containernetworking-plugins",
}


def ensure(programs: Mapping[str, str] = _PROGRAMS) -> None:
    """Installs what is missing of `programs`. Raises RuntimeError where that cannot be done."""
    missing = sorted({package for program, package in programs.items() if not _there(program)})
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise RuntimeError(f"install these packages first: {' '.join(missing)} (Debian's names)")
    print(f"installing {' '.join(missing)}", file=sys.stderr, flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    run("apt-get", "update", "-q", env=quiet)
    run(
        "apt-get",
        "install",
        "-q",
        "-y",
        "--no-install-recommends",
        *missing,
        env=quiet,
        timeout=900,
    )


def _there(program: str) -> bool:
    return Path(program).exists() if program.startswith("/") else shutil.which(program) is not None
