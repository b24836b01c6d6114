"""From the loaded rows to the prepared rows: the user's SQL, the feature block, or nothing.

Used by `preprocess.run`. The outcome is a table whose rows are numbered in `ROW`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.features import declaration
from forebay_workloads.features.declaration import Features
from forebay_workloads.features.expression import (
    Alias,
    Call,
    Cast,
    Column,
    Expression,
    Missing,
    Select,
    Star,
    quote,
)
from forebay_workloads.features.sql import ROW, base_type, select
from forebay_workloads.preprocess.engine import Engine
from forebay_workloads.preprocess.query import FIELD, check, ordered

LOADED = "__forebay_input"
RESULT = "__forebay_result"

AS_TEXT = ("ENUM", "BIT", "BIGNUM", "UUID", "JSON")  # types that only DuckDB has
AS_BIGINT = ("HUGEINT", "UHUGEINT")  # what a sum of integers is


def transform(
    engine: Engine, block: Mapping[str, Any], names: Sequence[str]
) -> tuple[str, Features | None]:
    """Runs what the block asks for on table LOADED; returns the table of the outcome and the features.

    `names` are what SQL may call the data. Raises ConfigError for SQL or features that do not fit the
    data, DataError for rows that do not fit the SQL.
    """
    for name in names:
        view = Select((Star(exclude=(ROW,)),), LOADED)
        engine.execute(f"CREATE VIEW {quote(name)} AS {view.sql()}")
    if block.get("sql"):
        with _named():
            _query(engine, str(block["sql"]), names)
        return RESULT, None
    if block.get("features"):
        engine.execute("SET threads = 1")
        types = engine.types(LOADED)
        features = declaration.parse(block["features"], list(types))
        _check_present(engine, features.entity)
        _check_present(engine, features.timestamp)
        _create(engine, select(features, types, LOADED).sql())
        return RESULT, features
    return LOADED, None


def _query(engine: Engine, sql: str, names: Sequence[str]) -> None:
    # One thread and one seed, so that equal data gives equal sums, groups and random numbers.
    engine.execute("SET threads = 1")
    engine.execute("SELECT setseed(0.5)")
    engine.lock()
    _create(engine, ordered(engine, sql, check(engine, sql, names)))


@contextmanager
def _named() -> Iterator[None]:
    """What DuckDB says about a user's SQL names the field of the spec."""
    try:
        yield
    except (ConfigError, DataError) as error:
        if error.message.startswith(FIELD):
            raise
        raise type(error)(error.reason, f"{FIELD}: {error.message}") from error


def _create(engine: Engine, query: str) -> None:
    engine.execute(f"CREATE TABLE {quote(RESULT)} AS {query}")


def _check_present(engine: Engine, column: str) -> None:
    terms = (Call("count"), Call("min", (Column(ROW),)))
    count, first = engine.rows(Select(terms, LOADED, where=Missing(Column(column))))[0]
    if count:
        raise DataError(
            "SchemaMismatch",
            f"{count} rows have no {column!r} (the first is row {first + 1}), and features need one",
        )


def output_columns(types: Mapping[str, str]) -> list[Expression]:
    """The columns as they leave DuckDB: types that Arrow's other readers do not know become plain ones."""
    return [_output(name, base_type(kind)) for name, kind in types.items()]


def _output(name: str, kind: str) -> Expression:
    if kind in AS_TEXT:
        return Alias(Cast(Column(name), "VARCHAR"), name)
    return Alias(Cast(Column(name), "BIGINT"), name) if kind in AS_BIGINT else Column(name)
