"""The prepared rows leave: into the run's data sets, and into a store where the spec asks for it.

Used by `preprocess.run`. One pass each, in the order of the rows, one batch in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.contract import Progress
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.features.declaration import Features
from forebay_workloads.features.expression import (
    Alias,
    Call,
    Cast,
    Column,
    Expression,
    Select,
    Within,
)
from forebay_workloads.features.sql import ROW, micros
from forebay_workloads.lifetime import lifetime
from forebay_workloads.preprocess.engine import Engine
from forebay_workloads.preprocess.split import SIDES
from forebay_workloads.preprocess.transform import output_columns
from forebay_workloads.recipes.base import Dataset
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import RowError

_SIDE = "__forebay_side"
_SHOWN = 3  # refused rows that a message names


def write_datasets(
    stage: Stage, engine: Engine, table: str, side: Expression, sides: Sequence[str]
) -> dict[str, Dataset]:
    """Writes each row to the data set of its side; all become visible only after the last row."""
    batches = _batches(engine, table, side)
    first = next(batches)
    schema = first.schema.remove(first.schema.get_field_index(_SIDE))
    writers = {name: stage.workspace.writer(name, schema) for name in sides}
    total = int(engine.rows(Select((Call("count"),), table))[0][0])
    rows = 0
    for batch in _chain(first, batches):
        stage.check_stopping()
        which = batch.column(_SIDE)
        plain = batch.drop_columns([_SIDE])
        for name, writer in writers.items():
            writer.write(plain.filter(pc.equal(which, SIDES.index(name))))
        rows += batch.num_rows
        percent = 60 + 40 * rows / total
        stage.progress(Progress("preprocess", percent=percent, rows=rows, total_rows=total))
    for name in set(SIDES) - set(sides):
        stage.workspace.remove_dataset(name)  # of an earlier attempt
    return {name: writer.close() for name, writer in writers.items()}


def _batches(engine: Engine, table: str, side: Expression) -> Iterator[pa.RecordBatch]:
    """The rows with their side; one empty batch when there are none, so that the schema is known."""
    columns = [*output_columns(engine.types(table)), Alias(Cast(side, "TINYINT"), _SIDE)]
    yield from engine.stream(columns, table)


def _chain(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield first
    yield from rest


def write_store(
    stage: Stage, engine: Engine, table: str, place: Mapping[str, Any], features: Features | None
) -> int:
    """Upserts the prepared rows into `preprocess.to`; returns how many rows were written.

    The key is `to.key` and `to.clustering`; without them the entity of the features, and then each
    entity's newest row is what the store holds.

    Raises:
        ConfigError: SchemaMismatch when the key is not known or not among the columns.
        DataError: SchemaMismatch naming rows that the store refused; all others are written.
    """
    types = engine.types(table)
    key = _key(place, features, list(types))
    where = _newest(table, features, types) if features and not place.get("key") else None
    store, target = stage.store(place["storeRef"]["name"]), str(place["table"])
    ttl = lifetime(store, place, "preprocess.to")
    written, refused, shown = 0, 0, list[RowError]()
    for batch in engine.stream(output_columns(types), table, where):
        stage.check_stopping()
        if not written:
            store.ensure_table(target, batch.schema, key)
        report = store.write(target, batch, key, ttl=ttl)
        written, refused = written + report.written, refused + len(report.errors)
        shown += report.errors[: _SHOWN - len(shown)]
    if refused:
        what = "; ".join(f"{dict(one.key)}: {one.reason} {one.message}" for one in shown)
        raise DataError(
            "SchemaMismatch",
            f"{store.name} refused {refused} rows for {target!r} (the others are written): {what}",
        )
    return written


def _key(place: Mapping[str, Any], features: Features | None, present: Sequence[str]) -> list[str]:
    key = [*(place.get("key") or ()), *(place.get("clustering") or ())]
    if not key and features:
        key = [features.entity]
    if not key:
        raise ConfigError(
            "SchemaMismatch", "preprocess.to.key is needed: the columns that identify a row"
        )
    missing = [name for name in key if name not in present]
    if missing:
        raise ConfigError(
            "SchemaMismatch",
            f"preprocess.to.key names column {missing[0]!r}; there are: {', '.join(present)}",
        )
    return key


def _newest(table: str, features: Features, types: Mapping[str, str]) -> Expression:
    """Only the newest row of each entity; of equal times the one that came last."""
    row = Column(ROW)
    age = Call("row", (micros(features.timestamp, types[features.timestamp]), row))
    newest = Select((Call("max_by", (row, age)),), table, group=(Column(features.entity),))
    return Within(row, newest)
