"""What a recipe may ask of the train stage: report, checkpoint, restore, stop. The contract is recipes/base.py."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from forebay_workloads.contract import Progress
from forebay_workloads.errors import RetryableError
from forebay_workloads.recipes.base import Arrays
from forebay_workloads.stage import Stage
from forebay_workloads.train.checkpoint import Checkpoints
from forebay_workloads.train.device import CPU
from forebay_workloads.train.group import Alone, Group

LOG_SECONDS = 0.5  # least time between two lines of the log, but for the first and last epoch
CPU_LIMIT = Path("/sys/fs/cgroup/cpu.max")


class StageContext:
    """The Context of one training. `curve` holds every epoch, also those before a resume."""

    def __init__(
        self,
        stage: Stage,
        checkpoints: Checkpoints,
        *,
        seed: int,
        threads: int,
        device: str = CPU,
        group: Group | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._stage, self._checkpoints, self._clock = stage, checkpoints, clock
        self.seed = seed
        self.threads = threads
        self.device = device
        self._group = group or Alone()
        self.rank, self.world = self._group.rank, self._group.world
        self.curve: list[dict[str, Any]] = []
        self.resumed_from: int | None = None  # the last epoch of the checkpoint
        self._started = clock()
        self._done = 0  # epochs of this process
        self._logged = -math.inf

    def report(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """The end of an epoch (from 1): progress, curve, log."""
        self.curve = [one for one in self.curve if one["epoch"] < epoch]
        self.curve.append({"epoch": epoch, "metrics": dict(metrics)})
        self._done += 1
        if self.rank:
            return
        now = self._clock()
        eta = (now - self._started) / self._done * (epochs - epoch)
        self._stage.progress(
            Progress(
                "train",
                percent=round(100 * epoch / epochs, 1),
                eta_seconds=round(eta, 1),
                epoch=epoch,
                epochs=epochs,
                metrics=dict(metrics),
            )
        )
        if epoch in (1, epochs) or now - self._logged >= LOG_SECONDS:
            self._logged = now
            numbers = " ".join(f"{name} {value:.4f}" for name, value in metrics.items())
            self._stage.log(f"train epoch {epoch}/{epochs} {numbers} ETA {eta:.0f} s")

    def checkpoint(self, state: Arrays, meta: Mapping[str, Any], *, force: bool = False) -> None:
        """Keeps a resume point when one is due, or always with `force`."""
        if self.rank == 0 and (force or self._checkpoints.due()):
            self._checkpoints.save(state, {"recipe": dict(meta), "curve": self.curve})

    def restore(self) -> tuple[Arrays, Mapping[str, Any]] | None:
        """The newest whole resume point of this run, or None."""
        found = self._checkpoints.load()
        mine = found[1] if found else None
        if self._group.agree(mine) != mine:
            raise RetryableError("PeerLost", "the pods of this training read different checkpoints")
        if found is None:
            return None
        arrays, meta = found
        self.curve = list(meta["curve"])
        self.resumed_from = len(self.curve)
        self._stage.log(
            f"train: a checkpoint after epoch {self.resumed_from} is there to resume from"
        )
        return arrays, meta["recipe"]

    def should_stop(self) -> bool:
        """True after SIGTERM of any process."""
        return self._group.any(self._stage.stopping.is_set())

    def all_reduce(self, array: Any) -> None:
        """Sums over all processes, in place."""
        self._group.all_reduce(array)

    def agree(self, value: Any) -> Any:
        """Rank 0's value in every process."""
        return self._group.agree(value)


def cores() -> int:
    """CPU cores that this process may use: its affinity, OMP_NUM_THREADS, its container's limit rounded up."""
    allowed = len(os.sched_getaffinity(0))
    wished = os.environ.get("OMP_NUM_THREADS", "")
    if wished.isdecimal():
        allowed = max(1, min(allowed, int(wished)))
    try:
        quota, period = CPU_LIMIT.read_text().split()
    except (OSError, ValueError):  # no cgroup v2: no limit to know of
        return allowed
    return allowed if quota == "max" else max(1, min(allowed, math.ceil(int(quota) / int(period))))
