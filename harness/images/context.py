"""A build's context: the files of one image, staged in a folder of their own, and the digest of what decides it.

Staged, so that what is hashed is what is built while others edit the checkout, and that the checkout stays clean.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from harness.folders import ROOT
from harness.images import machine
from harness.images.spec import Image

_TIME = 1_600_000_000  # every file's: engines compare times, and a new clone is no reason to build
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")


def stage(image: Image, folder: Path, python: str) -> None:
    """Fills `folder` with what the Dockerfile copies, and with what the machine adds."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in (*image.paths, image.dockerfile):
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=_LEFT_OUT)
        else:
            shutil.copyfile(source, target)
    machine.prepare(folder, torch=image.torch, python=python)
    for path in (folder, *folder.rglob("*")):
        if path.suffix != ".whl":  # maybe a link to a file that is not ours
            os.utime(path, (_TIME, _TIME))
            path.chmod(0o755 if path.is_dir() else 0o644)


def digest(folder: Path, arguments: Mapping[str, str]) -> str:
    """Of names and contents below `folder` and of the build's arguments; a wheel counts by name and size."""
    total = hashlib.sha256(json.dumps(dict(arguments), sort_keys=True).encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        total.update(f"{path.relative_to(folder)}\0".encode())
        is_wheel = path.suffix == ".whl"
        total.update(str(path.stat().st_size).encode() if is_wheel else path.read_bytes())
    return total.hexdigest()
