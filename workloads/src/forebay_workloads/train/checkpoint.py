"""Resume points of a training in the run's workspace: weights as safetensors, all else as JSON.

Two files take turns and `checkpoint/latest.json` names the valid one with its digest. The data is complete
before the pointer moves, so a kill at any moment leaves a whole resume point: the new one or the one before.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forebay_workloads.errors import DataError
from forebay_workloads.recipes.base import Arrays
from forebay_workloads.workspace import Workspace

POINTER = "checkpoint/latest.json"
FILES = ("checkpoint/0.safetensors", "checkpoint/1.safetensors")


class Checkpoints:
    """`interval` is the least number of seconds between two resume points; 0 keeps every one offered."""

    def __init__(
        self,
        workspace: Workspace,
        interval: float,
        *,
        resume: bool,
        log: Callable[[str], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._workspace, self._interval, self._resume = workspace, interval, resume
        self._log, self._clock = log, clock
        self._last = clock()
        self._turn = 0

    def due(self) -> bool:
        """Whether the interval since the last one has passed."""
        return self._clock() - self._last >= self._interval

    def save(self, arrays: Arrays, meta: Mapping[str, Any]) -> None:
        """Keeps a resume point; the one before stays valid until this one is complete."""
        content = save({name: np.asarray(array, order="C") for name, array in arrays.items()})
        name = FILES[self._turn]
        self._workspace.put(name, content)
        pointer = {"file": name, "digest": _digest(content), "meta": dict(meta)}
        self._workspace.write_json(POINTER, pointer)
        self._turn = 1 - self._turn
        self._last = self._clock()

    def load(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]] | None:
        """The newest resume point, or None: there is none, it is damaged (said in the log), or `resume` is off."""
        if not self._resume:
            return None
        try:
            return self._read()
        except (DataError, SafetensorError, KeyError, TypeError) as error:
            self._log(f"train: the checkpoint cannot be used, training starts anew ({error})")
            return None

    def _read(self) -> tuple[dict[str, np.ndarray[Any, Any]], dict[str, Any]] | None:
        found = self._workspace.read_json(POINTER)
        if found is None:
            return None
        name, content = found["file"], self._workspace.get(found["file"])
        if name not in FILES or content is None or _digest(content) != found["digest"]:
            raise DataError("DigestMismatch", f"{name} is not what was saved")
        self._turn = 1 - FILES.index(name)
        return load(content), found["meta"]


def _digest(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()
