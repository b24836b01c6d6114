"""Figures of the reconcile loop for Prometheus. Made at start-up and given to the loop as its watcher.

Names follow what users of other operators know (`…_reconciliations_total`, `…_duration_seconds`), with our
prefix. No label holds an object's name: the number of series must not grow with the number of objects.
"""

from __future__ import annotations

import asyncio
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_EVERY = 1.0  # seconds between two looks at the loop


class ReconcileMetrics:
    """Counts passes by kind. An instance is the loop's `watcher`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._total = self._counter("", "Passes that were begun.")
        self._successful = self._counter("_successful", "Passes that ended well.")
        self._failed = self._counter("_failed", "Passes that are tried again after a back-off.")
        self._duration = Histogram(
            "forebay_reconciliations_duration_seconds",
            "Time of a pass: reads, decision, writes; seconds.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._lag = Gauge(
            "forebay_event_loop_lag_seconds",
            "How much later than wished the event loop came back last; seconds.",
            registry=self.registry,
        )

    def _counter(self, name: str, text: str) -> Counter:
        full = f"forebay_reconciliations{name}"
        return Counter(full, text, ("kind",), registry=self.registry)

    def __call__(self, kind: str, outcome: str, seconds: float) -> None:
        """One pass over an object of `kind`; `outcome` is ok, gone or error."""
        self._total.labels(kind).inc()
        (self._failed if outcome == "error" else self._successful).labels(kind).inc()
        self._duration.labels(kind).observe(seconds)

    async def watch_loop(self) -> None:
        """Measures the event loop's lag until it is cancelled: something that blocks it shows here."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LAG_EVERY)
            self._lag.set(max(0.0, time.monotonic() - before - _LAG_EVERY))
