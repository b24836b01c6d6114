"""What an ingest of a topic has done and how it stands, as progress of the stage.

Used by `ingest.loop` only. Names of metrics are part of the contract: status.ingest is made from them.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from forebay_workloads.contract import Progress
from forebay_workloads.errors import StageError
from forebay_workloads.ingest.drift import Drift

WINDOW = 10.0  # seconds over which the rate is taken


class Meter:
    """Counts since the start of the process."""

    def __init__(self, step: str, clock: Callable[[], float], now: Callable[[], float]) -> None:
        self._step, self._clock, self._now = step, clock, now
        self._steps: deque[tuple[float, int]] = deque([(clock(), 0)])
        self.read = self.written = self.dead = self.tombstones = self.batches = 0
        self.batch_seconds = 0.0  # of the last batch, from poll to commit
        self.spent = self.throttled = 0.0  # seconds: of all batches; waited because of a limit
        self.troubles: Counter[str] = Counter()  # reason → failed tries
        self.paused = False  # nothing is polled until something is well again
        self.lag: int | None = None
        self.held = 0
        self.last_commit: float | None = None  # seconds since 1970
        self.drift = Drift()
        self.problem: StageError | None = None

    def committed(self, read: int, written: int, seconds: float) -> None:
        """Books a batch that is done."""
        self.read += read
        self.written += written
        self.batches += 1
        self.batch_seconds = seconds
        self.spent += seconds
        if read:
            self.last_commit = self._now()
        self._steps.append((self._clock(), self.read))

    def rate(self) -> float:
        """Records per second of late."""
        now = self._clock()
        while len(self._steps) > 1 and self._steps[0][0] < now - WINDOW:
            self._steps.popleft()
        start, before = self._steps[0]
        seconds = max(now - start, 1e-3)
        return round((self.read - before) / seconds, 1)

    def progress(self) -> Progress:
        """For the stage's reporter."""
        metrics = {
            "dead_lettered": self.dead,
            "tombstones": self.tombstones,
            "held_partitions": self.held,
            "batch_seconds": round(self.batch_seconds, 4),
        }
        if self.lag is not None:
            metrics["lag"] = self.lag
        if self.last_commit is not None:
            metrics["last_commit"] = round(self.last_commit, 3)
        return Progress(
            self._step,
            rows=self.written,
            rows_per_second=self.rate(),
            metrics={name: float(value) for name, value in metrics.items()},
            reason=self.problem.reason if self.problem else None,
            message=self.problem.message if self.problem else self.drift.text() or None,
        )
