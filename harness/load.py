"""Brings images into the running cluster: `python -m harness.load ARCHIVE…`, as `docker save` writes them."""

from __future__ import annotations

import json
import re
import sys
import tarfile
from pathlib import Path

from harness.cluster.__main__ import cluster
from harness.shell import CommandError


def load(*archives: Path) -> None:
    """Imports each that the cluster does not have; raises CommandError when it does not take one."""
    which = cluster()
    for archive in archives:
        name, digest = contents(archive)
        if which.image(name) != digest:
            which.load(archive)


def contents(archive: Path) -> tuple[str, str]:
    """The first name of the first image, and the digest of its configuration: what makes it this image."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile("manifest.json")
        if file is None:
            raise ValueError(f"{archive} is no docker-archive")
        first = json.load(file)[0]
    found = re.search(r"[0-9a-f]{64}", first["Config"])
    return first["RepoTags"][0], f"sha256:{found[0] if found else ''}"


if __name__ == "__main__":
    try:
        load(*(Path(argument) for argument in sys.argv[1:]))
    except CommandError as problem:
        sys.exit(f"load: {problem}")
