"""Progress as plain lines: one per change of a stage, and at most one per five seconds of progress.

Shown where stdout or stderr is no terminal (logs, CI) and with -o json. Called by `run.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Self

from forebay.cli import wording
from forebay.cli.views import RunView, StageView

INTERVAL = 5.0  # seconds between two lines of progress of one run


class Lines:
    """Shows runs line by line through `write`; `clock` gives seconds that only grow."""

    def __init__(self, write: Callable[[str], None], clock: Callable[[], float]) -> None:
        self._write, self._clock = write, clock
        self._shown: dict[tuple[str, str], str] = {}
        self._last: dict[str, float] = {}
        self._current = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def note(self, text: str) -> None:
        """A line of its own."""
        self._write(text)

    def update(self, views: Sequence[RunView], now: datetime) -> None:
        """Writes what changed since the last call."""
        for view in views:
            for stage in view.stages:
                self._stage(view, stage, now)
                if (
                    not stage.settled
                ):  # what comes after it, skipped stages too, is said in its turn
                    break

    def _stage(self, view: RunView, stage: StageView, now: datetime) -> None:
        key = (view.name, stage.name)
        if stage.state == "Pending" and stage.reason in ("", "Pending"):
            return
        state = f"{stage.state} {stage.reason}"
        changed = self._shown.get(key) != state
        due = (
            stage.progress is not None
            and self._clock() - self._last.get(view.name, 0.0) >= INTERVAL
        )
        if not changed and not due:
            return
        self._shown[key] = state
        self._last[view.name] = self._clock()
        if self._current != view.name:
            self._current = view.name
            self._write(f"run {view.name}")
        self._write(f"  {stage.name:<11} {wording.stage_text(stage, now)}")
