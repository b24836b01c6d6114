"""Progress bars on a terminal: one row per stage with rate, metrics and time left. Called by `run.py`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Self, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.table import Column

from forebay.cli import wording
from forebay.cli.views import FAILED, SKIPPED, SUCCEEDED, RunView, StageView

_STYLE = {SUCCEEDED: "green", FAILED: "red", SKIPPED: "dim"}


class Bars:
    """Shows runs as bars; text is never read as markup."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("  {task.description:<11}", markup=False),
            BarColumn(bar_width=20),
            TextColumn(
                "{task.fields[text]}",
                markup=False,
                style="none",
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console,
            refresh_per_second=8,
            expand=True,
        )
        self._tasks: dict[tuple[str, str], TaskID] = {}
        self._started: set[str] = set()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def note(self, text: str) -> None:
        """A line of its own above the bars."""
        self._console.print(text, markup=False, highlight=False)

    def update(self, views: Sequence[RunView], now: datetime) -> None:
        """Brings every row up to date."""
        for view in views:
            if view.name not in self._started and view.stages:
                self._started.add(view.name)
                self.note(f"run {view.name}")
            for stage in view.stages:
                label = f"{view.pipeline} {stage.name}" if len(views) > 1 else stage.name
                self._stage(view, stage, now, label)

    def _stage(self, view: RunView, stage: StageView, now: datetime, label: str) -> None:
        key = (view.name, stage.name)
        if key not in self._tasks:
            self._tasks[key] = self._progress.add_task(label, total=100.0, start=False, text="")
        task = self._tasks[key]
        total, completed = _position(stage)
        self._progress.update(
            task,
            total=total,
            completed=completed,
            text=wording.stage_text(stage, now),
            style=_STYLE.get(stage.state, "none"),
        )
        if stage.state != "Pending":
            self._progress.start_task(task)


def _position(stage: StageView) -> tuple[float | None, float]:
    """Total and position of the bar; no total lets it pulse."""
    if stage.state == SUCCEEDED:
        return 100.0, 100.0
    if stage.settled or stage.state == "Pending":
        return 100.0, 0.0
    if stage.progress is None or stage.progress.percent is None:
        return None, 0.0
    return 100.0, min(stage.progress.percent, 100.0)


def on_terminal(stream: TextIO) -> Bars:
    """Bars on a terminal; rich itself leaves colours off when NO_COLOR is set."""
    return Bars(Console(file=stream, highlight=False))
