"""A feature declaration as one DuckDB query: every input row, with its features behind its columns.

Used by the preprocess stage. It reads a table that numbers its rows in a column called ROW. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

from forebay_workloads.errors import ConfigError
from forebay_workloads.features.aggregates import NUMBERS, NUMERIC_ONLY, Frame, build
from forebay_workloads.features.declaration import Features
from forebay_workloads.features.expression import (
    Alias,
    Call,
    Cast,
    Column,
    Expression,
    Infix,
    Number,
    Select,
)

ROW = "__forebay_row"
"""The place of a row in the input, 0, 1, 2, …: the preprocess stage adds it and takes it away."""

INTEGERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
)
DECIMALS = ("FLOAT", "DOUBLE", "DECIMAL")
TIMES = (
    "DATE",
    "TIMESTAMP",
    "TIMESTAMP_S",
    "TIMESTAMP_MS",
    "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE",
)
TEXTS = ("VARCHAR",)


def base_type(kind: str) -> str:
    """A DuckDB type without its parameters: `DECIMAL(9,2)` is `DECIMAL`."""
    return kind.split("(", 1)[0].strip()


def micros(column: str, kind: str) -> Expression:
    """A time column as integer microseconds since 1970; a number is taken as seconds since 1970.

    Raises:
        ConfigError: SchemaMismatch when the column's type is no time.
    """
    name, base = Column(column), base_type(kind)
    second = Number(1_000_000)
    if base in TIMES:
        return Call("epoch_us", (name,))
    if base in TEXTS:
        return Call("epoch_us", (Cast(name, "TIMESTAMP"),))
    if base in INTEGERS:
        return Infix("*", (Cast(name, "BIGINT"), second))
    if base in DECIMALS:
        return Cast(Call("round", (Infix("*", (Cast(name, "DOUBLE"), second)),)), "BIGINT")
    raise ConfigError(
        "SchemaMismatch",
        f"column {column!r} has type {kind}, which is no time: it takes a timestamp, a date, "
        "an ISO 8601 text or a number of seconds since 1970",
    )


def select(features: Features, types: Mapping[str, str], table: str) -> Select:
    """The query; `types` maps the table's columns to their DuckDB types. It keeps ROW and its order.

    Raises:
        ConfigError: SchemaMismatch when an aggregate needs a number and the column holds none.
    """
    frame = Frame(
        partition=Column(features.entity),
        order=micros(features.timestamp, types[features.timestamp]),
        row=Column(ROW),
        delay=features.delay,
    )
    added: list[Expression] = []
    for aggregate in features.aggregates:
        kind = base_type(types.get(aggregate.column, "BIGINT"))
        if aggregate.kind in NUMERIC_ONLY and kind not in NUMBERS:
            raise ConfigError(
                "SchemaMismatch",
                f"{aggregate.kind} needs a number, and column {aggregate.column!r} has type {kind}",
            )
        built = build(aggregate, kind, features, frame)
        names = [aggregate.name(window) for window in features.windows]
        added += [Alias(one, name) for one, name in zip(built, names, strict=True)]
    kept = [Column(name) for name in (*types, ROW)]
    return Select((*kept, *added), table, order=(Column(ROW),))
