"""Brings images into the running cluster: `python -m harness.load ARCHIVE…`, as `docker save` writes them."""

from __future__ import annotations

import sys
from pathlib import Path

from harness.cluster.__main__ import cluster
from harness.cluster.shell import CommandError


def load(*archives: Path) -> None:
    """Imports each; raises CommandError when the cluster does not take one."""
    which = cluster()
    for archive in archives:
        which.load(archive)


if __name__ == "__main__":
    try:
        load(*(Path(argument) for argument in sys.argv[1:]))
    except CommandError as problem:
        sys.exit(f"load: {problem}")
