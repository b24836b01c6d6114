"""What a recipe may ask of its stage: report, keep a resume point, go on from one, stop. See recipes/base.py."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Progress
from forebay_workloads.recipes.base import Arrays
from forebay_workloads.stage import Stage
from forebay_workloads.train.checkpoints import Checkpoints
from forebay_workloads.train.durations import seconds_of

DEFAULT_INTERVAL = 60.0  # seconds between resume points


class StageContext:
    """The Context of the train stage."""

    def __init__(self, stage: Stage, block: Mapping[str, Any]) -> None:
        settings = block.get("checkpoint") or {}
        self.seed = int((block.get("params") or {}).get("seed", 0))
        self.threads = int(os.environ.get("OMP_NUM_THREADS") or os.cpu_count() or 1)
        self.curve: list[dict[str, Any]] = []
        self.resumed = False
        self._stage = stage
        self._checkpoints = Checkpoints(stage.workspace)
        self._resume = settings.get("resume", "LastCheckpoint") == "LastCheckpoint"
        self._interval = seconds_of(settings.get("interval"), DEFAULT_INTERVAL)
        self._kept = self._started = time.monotonic()
        self._first: int | None = None

    def report(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """See Context."""
        self.curve.append({"epoch": epoch, "metrics": dict(metrics)})
        self._stage.progress(
            Progress(
                step="train",
                percent=100.0 * epoch / epochs,
                eta_seconds=self._eta(epoch, epochs),
                epoch=epoch,
                epochs=epochs,
                metrics=dict(metrics),
            )
        )
        numbers = "  ".join(f"{name} {value:.4g}" for name, value in metrics.items())
        self._stage.log(f"epoch {epoch}/{epochs}  {numbers}")

    def _eta(self, epoch: int, epochs: int) -> float:
        """Seconds for the epochs that are left, from those that this process has done."""
        first = self._first = epoch - 1 if self._first is None else self._first
        done = max(1, epoch - first)
        return (time.monotonic() - self._started) / done * (epochs - epoch)

    def checkpoint(self, state: Arrays, meta: Mapping[str, Any], *, force: bool = False) -> None:
        """See Context."""
        if force or time.monotonic() - self._kept >= self._interval:
            self._checkpoints.save(state, {"curve": self.curve, "recipe": dict(meta)})
            self._kept = time.monotonic()

    def restore(self) -> tuple[Arrays, Mapping[str, Any]] | None:
        """See Context."""
        found = self._checkpoints.load() if self._resume else None
        if found is None:
            return None
        arrays, meta = found
        self.curve, self.resumed = list(meta["curve"]), True
        self._stage.log("resumed from the last checkpoint")
        return arrays, meta["recipe"]

    def should_stop(self) -> bool:
        """See Context."""
        return self._stage.stopping.is_set()
