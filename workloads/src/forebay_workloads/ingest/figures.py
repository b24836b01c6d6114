"""What Prometheus is told of an ingest of a topic: the text of `/metrics`. Pure.

Used by `ingest.endpoint` only. The format's few rules are kept here, as the image of the stages has no client of
Prometheus. No label holds an object's name: whose figures they are is known from the pod. docs/metrics.md lists all.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from forebay_workloads.ingest.meter import Meter

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
Values = float | Mapping[str, float]


@dataclass(frozen=True)
class Figure:
    """One metric; `read` gives its value, or its values by that of `label`."""

    name: str
    text: str
    read: Callable[[Meter, float], Values]
    label: str = ""

    @property
    def kind(self) -> str:
        """As the format calls it."""
        return "counter" if self.name.endswith("_total") else "gauge"


def _age(meter: Meter, now: float) -> float:
    return math.nan if meter.last_commit is None else max(0.0, now - meter.last_commit)


def _lag(meter: Meter, _now: float) -> float:
    return math.nan if meter.lag is None else meter.lag


FIGURES = (
    Figure("forebay_ingest_records_total", "Records whose effect is there.", lambda m, _: m.read),
    Figure("forebay_ingest_rows_total", "Rows that the store took.", lambda m, _: m.written),
    Figure(
        "forebay_ingest_dead_letters_total", "Dead letters that were sent.", lambda m, _: m.dead
    ),
    Figure(
        "forebay_ingest_tombstones_total", "Records without a value.", lambda m, _: m.tombstones
    ),
    Figure("forebay_ingest_batches_total", "Batches that were committed.", lambda m, _: m.batches),
    Figure(
        "forebay_ingest_batch_seconds_total",
        "Time of all batches, from poll to commit; seconds.",
        lambda m, _: m.spent,
    ),
    Figure(
        "forebay_ingest_lag_records",
        "Records after the committed positions, NaN before the first look.",
        _lag,
    ),
    Figure(
        "forebay_ingest_last_commit_age_seconds",
        "Since positions were committed last; seconds, NaN before the first.",
        _age,
    ),
    Figure(
        "forebay_ingest_throttled_seconds_total",
        "Time waited because of a limit: `rowsPerSecond`, or `StoreThrottled`; seconds.",
        lambda m, _: m.throttled,
    ),
    Figure(
        "forebay_ingest_paused",
        "1 while nothing is polled: a store or broker is away, or each record is refused.",
        lambda m, _: m.paused,
    ),
    Figure(
        "forebay_ingest_held_partitions",
        "Partitions that stand at a record that can be put nowhere.",
        lambda m, _: m.held,
    ),
    Figure(
        "forebay_ingest_troubles_total",
        "Tries at a store or broker that failed, by why.",
        lambda m, _: m.troubles,
        "reason",
    ),
)


def exposition(meter: Meter, now: float) -> str:
    """The page; `now` in seconds since 1970."""
    return "".join(line for figure in FIGURES for line in _lines(figure, meter, now))


def _lines(figure: Figure, meter: Meter, now: float) -> Iterator[str]:
    yield f"# HELP {figure.name} {figure.text}\n# TYPE {figure.name} {figure.kind}\n"
    found = figure.read(meter, now)
    if not isinstance(found, Mapping):
        yield f"{figure.name} {_number(found)}\n"
        return
    for value, count in sorted(dict(found).items()):
        yield f'{figure.name}{{{figure.label}="{_escaped(value)}"}} {_number(count)}\n'


def _number(value: float) -> str:
    return "NaN" if math.isnan(value) else f"{float(value):.17g}"


def _escaped(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
