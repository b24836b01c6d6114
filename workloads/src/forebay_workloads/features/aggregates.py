"""What each aggregate of a feature block is in SQL: one line of a table per kind.

Used by `features.sql`. A value that is not finite (NaN, infinity) counts as missing, like NULL. An empty
window gives 0 for count, distinct and sum, and NULL for the others. Pure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from forebay_workloads.features.declaration import EVERY, Aggregate, Features, Window
from forebay_workloads.features.expression import (
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Number,
    Over,
    Range,
)

FLOATS = ("FLOAT", "DOUBLE")
NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT",
           "UINTEGER", "UBIGINT", "UHUGEINT", "DECIMAL", "BOOLEAN", *FLOATS)  # fmt: skip
NUMERIC_ONLY = ("sum", "mean", "stddev")


@dataclass(frozen=True)
class Frame:
    """The rows an aggregate sees: partition, order key, position of a row, and its window."""

    partition: Expression
    order: Expression  # event time, integer microseconds
    row: Expression  # the row's place in the input: decides between equal times
    delay: int

    def window(self, window: Window) -> Range:
        """[t - delay - window, t - delay)."""
        return Range(self.delay + window.micros, self.delay + 1)

    def before(self, window: Window) -> Range:
        """Up to and with t - delay - window."""
        return Range(None, self.delay + window.micros)


Build = Callable[[Expression, Frame, Window], Expression]


def _over(call: Call) -> Callable[[Frame, Range], Expression]:
    return lambda frame, rows: Over(call, frame.partition, frame.order, rows)


def _plain(function: str, *, distinct: bool = False) -> Build:
    return lambda value, frame, window: _over(Call(function, (value,), distinct=distinct))(
        frame, frame.window(window)
    )


def _sum(value: Expression, frame: Frame, window: Window) -> Expression:
    total = _plain("sum")(value, frame, window)
    return Call("coalesce", (total, Number(0)))


def _newest(value: Expression, frame: Frame) -> Call:
    return Call("last_value", (value,), ignore_nulls=True, order=(frame.order, frame.row))


def _last(value: Expression, frame: Frame, window: Window) -> Expression:
    return _over(_newest(value, frame))(frame, frame.window(window))


def _lag(value: Expression, frame: Frame, window: Window) -> Expression:
    return _over(_newest(value, frame))(frame, frame.before(window))


BUILDERS: dict[str, Build] = {
    "count": _plain("count"),
    "sum": _sum,
    "mean": _plain("avg"),
    "min": _plain("min"),
    "max": _plain("max"),
    "stddev": _plain("stddev_samp"),  # of a sample: NULL below two values
    "distinct": _plain("count", distinct=True),
    "last": _last,  # the newest value inside the window
    "lag": _lag,  # the newest value that is at least one window old
}


def value(aggregate: Aggregate, kind: str) -> Expression:
    """The column as the aggregate sees it; `kind` is the column's DuckDB type."""
    if aggregate.column == EVERY:
        return Number(1)
    column: Expression = Column(aggregate.column)
    if kind in FLOATS:
        column = Case(((Call("isfinite", (column,)), column),))
    return Cast(column, "DOUBLE") if aggregate.kind in NUMERIC_ONLY else column


def build(aggregate: Aggregate, kind: str, features: Features, frame: Frame) -> list[Expression]:
    """One expression per window, in the order of `features.windows`."""
    seen = value(aggregate, kind)
    return [BUILDERS[aggregate.kind](seen, frame, window) for window in features.windows]
