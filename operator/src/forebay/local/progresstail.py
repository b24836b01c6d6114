"""Reads the progress lines that a stage appends, and puts the newest on the board. Used by pods.py."""

from __future__ import annotations

from pathlib import Path

import structlog

from forebay.kube.port import Obj
from forebay.manifests.labels import OWNER_KIND, OWNER_NAME
from forebay.reconcile.progress import ProgressBoard, board_name
from forebay_workloads.contract import Progress

log = structlog.get_logger(__name__)


class ProgressTail:
    """Follows one pod's progress file; a pod that belongs to neither run nor pipeline has none."""

    def __init__(self, path: Path, pod: Obj, board: ProgressBoard) -> None:
        self._path, self._board, self._offset = path, board, 0
        labels = pod["metadata"].get("labels", {})
        self._namespace = pod["metadata"].get("namespace", "default")
        self._run = board_name(labels.get(OWNER_KIND, ""), labels.get(OWNER_NAME, ""))

    @property
    def wanted(self) -> bool:
        """Whether anybody shows this pod's progress."""
        return self._run is not None

    def read(self) -> None:
        """Puts the last whole new line on the board; half a line waits for its end."""
        if self._run is None or not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            fresh = file.read()
        whole = fresh[: fresh.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in reversed(whole.splitlines()):
            newest = _parsed(line)
            if newest is not None:
                self._board.put(self._namespace, self._run, newest)
                return


def _parsed(line: bytes) -> Progress | None:
    """A line's progress; None for one that is none: a full disk may cut it, user code may write anything."""
    try:
        return Progress.from_json(line.decode())
    except ValueError:
        log.warning("not a line of progress", line=line[:80])
        return None
