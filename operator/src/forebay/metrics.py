"""Figures of the operator for Prometheus. Made at start-up and told by the loop, the API client and the endpoints.

Names follow what users of other operators know (`…_reconciliations_total`, `…_duration_seconds`), with our
prefix. No label holds an object's name: the number of series must not grow with the number of objects. All are
listed in docs/metrics.md.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter as Tally
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from forebay.kube.port import Ref
from forebay.reconcile.transitions import Status, ended_stages, state

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_LAG_EVERY = 1.0  # seconds between two looks at the loop


class ReconcileMetrics:
    """Counts passes, states, stages and requests. An instance is the loop's `watcher`."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        passes = "forebay_reconciliations"
        self._total = self._counter(passes, "Passes that were begun.", "kind")
        self._successful = self._counter(f"{passes}_successful", "Passes that ended well.", "kind")
        text = "Passes that are tried again after a back-off."
        self._failed = self._counter(f"{passes}_failed", text, "kind")
        self._duration = Histogram(
            f"{passes}_duration_seconds",
            "Time of a pass: reads, decision, writes; seconds.",
            ("kind",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        text = "How much later than wished the event loop came back last; seconds."
        self._lag = self._gauge("forebay_event_loop_lag_seconds", text)
        self._objects = self._gauge("forebay_objects", "Objects by phase.", "kind", "phase")
        text = "Stages that ended, by how."
        self._stages = self._counter("forebay_stage_outcomes", text, "stage", "reason")
        text = "Requests to the API server by HTTP status; `none` where there was no answer."
        self._requests = self._counter("forebay_api_requests", text, "method", "code")
        text = "Progress reports of stages by HTTP status."
        self._reports = self._counter("forebay_progress_reports", text, "code")
        self._queue = self._gauge("forebay_queue_depth", "Objects that wait for a pass.")
        self._cached = self._gauge("forebay_cached_objects", "Objects in the operator's memory.")
        text = "From the last heartbeat's writing to its hearing; seconds, NaN before the first."
        self._beat = self._gauge("forebay_heartbeat_delay_seconds", text)
        self._phases: dict[Ref, str] = {}
        self._census: Tally[tuple[str, str]] = Tally()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self.registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, labels, registry=self.registry)

    def follow(
        self,
        queued: Callable[[], int],
        cached: Callable[[], int],
        heartbeat: Callable[[], float | None],
    ) -> None:
        """Shows figures that others keep, as they are when they are asked for."""
        self._queue.set_function(queued)
        self._cached.set_function(cached)
        self._beat.set_function(lambda: _number(heartbeat()))

    def __call__(self, kind: str, outcome: str, seconds: float) -> None:
        """One pass over an object of `kind`; `outcome` is ok, gone or error."""
        self._total.labels(kind).inc()
        (self._failed if outcome == "error" else self._successful).labels(kind).inc()
        self._duration.labels(kind).observe(seconds)

    def witness(self, ref: Ref, before: Status, after: Status | None) -> None:
        """An object's status before and after a pass; None after: it is gone."""
        old = self._phases.pop(ref, None)
        new = state(after) if after is not None else None
        if new is not None:
            self._phases[ref] = new
        if old != new:
            self._move(ref.kind.kind, old, -1)
            self._move(ref.kind.kind, new, 1)
        for stage, reason in ended_stages(before, after or {}):
            self._stages.labels(stage, reason).inc()

    def _move(self, kind: str, phase: str | None, by: int) -> None:
        if phase is not None:
            self._census[kind, phase] += by
            self._objects.labels(kind, phase).set(self._census[kind, phase])

    def request(self, method: str, code: str) -> None:
        """One request to the API server."""
        self._requests.labels(method, code).inc()

    def report(self, code: int) -> None:
        """One answer of the progress endpoint."""
        self._reports.labels(str(code)).inc()

    async def watch_loop(self) -> None:
        """Measures the event loop's lag until it is cancelled: something that blocks it shows here."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(_LAG_EVERY)
            self._lag.set(max(0.0, time.monotonic() - before - _LAG_EVERY))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value
