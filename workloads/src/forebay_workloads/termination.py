"""The termination message: how a pod's program says what became of it. Called by both programs' `main`.

It decides nothing about what is said.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from forebay_workloads import contract
from forebay_workloads.contract import Result


def leave(result: Result) -> None:
    """Writes the result whole or not at all.

    In a container the file is a mount of its own in a folder that may be read-only, so it cannot be
    replaced; there one short write does it (a termination message has at most 4,096 bytes).
    """
    data = result.encode().encode()
    path = contract.mounted(contract.RESULT_FILE)
    spare = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(spare, data)
        spare.replace(path)
    except OSError:
        spare.unlink(missing_ok=True)
        _write(path, data)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb", buffering=0) as file:
        file.write(data)
        os.fsync(file.fileno())
