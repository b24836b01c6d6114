"""Resume points of a training in the run's workspace: safetensors and JSON, whole or not at all.

A point is two blobs with a number of their own; a pointer to both is written last. Killed at any moment,
the pointer names a whole one. Called by context.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from safetensors.numpy import load, save

from forebay_workloads.recipes.base import Arrays
from forebay_workloads.workspace import Workspace

FOLDER = "checkpoint"
POINTER = f"{FOLDER}/latest"


class Checkpoints:
    """The resume points of one run; the newest is kept, older ones go."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace

    def save(self, state: Arrays, meta: Mapping[str, Any]) -> None:
        """Writes a point, then the pointer, then removes what it replaced."""
        last = self._workspace.read_json(POINTER)
        number = (last["number"] if last else 0) + 1
        name = f"{FOLDER}/{number:06d}"
        self._workspace.put(f"{name}.safetensors", save(dict(state)))
        self._workspace.put(f"{name}.json", json.dumps(meta).encode())
        self._workspace.write_json(POINTER, {"number": number})
        for old in self._workspace.names(f"{FOLDER}/0"):
            if not old.startswith(name):
                self._workspace.delete(old)

    def load(self) -> tuple[Arrays, dict[str, Any]] | None:
        """The newest whole point, or None. DataError DigestMismatch when its bytes were changed."""
        last = self._workspace.read_json(POINTER)
        if last is None:
            return None
        name = f"{FOLDER}/{last['number']:06d}"
        arrays, meta = (
            self._workspace.get(f"{name}.safetensors"),
            self._workspace.get(f"{name}.json"),
        )
        if arrays is None or meta is None:
            return None
        return load(arrays), json.loads(meta)
