"""The predict stage: batch predictions of the model just published, written back to a store.

`forebay-stage` calls `run`. Rows are upserted by the recipe's key (for top-N lists: user and rank), each with
`model_version` and `scored_at`, so a second attempt or a later version overwrites them. Rows that a
later version no longer writes (a user who has gone, a lower `top`) stay as they are: a reader who must not
see them asks for the rows of one `model_version`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from forebay_workloads import recipes
from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.ingest.pace import Pace
from forebay_workloads.lifetime import lifetime
from forebay_workloads.registry import artifact
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import BATCH_ROWS, RowError
from forebay_workloads.train.source import prepared

STAMPS = ("model_version", "scored_at")


def run(stage: Stage) -> Result:
    """Scores and writes; leaves `results/predict.json`.

    Raises:
        ConfigError: ReferenceMissing without an artefact, SchemaMismatch for a key that is no column.
        DataError: DigestMismatch; SchemaMismatch when the table cannot take the rows.
    """
    started = time.monotonic()
    block: Mapping[str, Any] = stage.doc.spec["predict"]
    place = stage.doc.artifact
    if not place or not stage.doc.model_version:
        raise ConfigError("ReferenceMissing", "predict needs a published model: give spec.publish")
    recipe = recipes.find(stage.doc.spec.get("train") or {})
    files = artifact.load(stage.store(place["store"]), place["key"], place["digest"])
    model = recipe.load(files)
    key = list(block["to"].get("key") or recipe.key(model))
    scored_at = datetime.now(UTC)
    batches = recipe.predict(model, prepared(stage), block)
    rows = _write(stage, _stamped(batches, stage.doc.model_version, scored_at), key)
    seconds = round(time.monotonic() - started, 3)
    document = {
        "rows": {"written": rows},
        "table": block["to"]["table"],
        "store": block["to"]["storeRef"]["name"],
        "key": key,
        "model_version": stage.doc.model_version,
        "scored_at": scored_at.isoformat(),
        "seconds": seconds,
    }
    stage.workspace.write_json("results/predict.json", document)
    stage.log(f"predict {rows:,} rows into {block['to']['table']} in {seconds} s")
    return Result(rows={"written": rows})


def _stamped(
    batches: Iterator[pa.RecordBatch], version: str, scored_at: datetime
) -> Iterator[pa.RecordBatch]:
    """The batches with model_version: string and scored_at: timestamp[ms, UTC] at their end."""
    for batch in batches:
        taken = [name for name in STAMPS if name in batch.schema.names]
        if taken:
            raise ConfigError("NameConflict", f"predictions may have no column {taken[0]!r}")
        kinds = (pa.string(), pa.timestamp("ms", "UTC"))
        for name, value, kind in zip(STAMPS, (version, scored_at), kinds, strict=True):
            column = pa.repeat(pa.scalar(value, kind), batch.num_rows)
            batch = batch.append_column(name, column)  # noqa: PLW2901 - the batch grows
        yield batch


def _write(stage: Stage, batches: Iterator[pa.RecordBatch], key: Sequence[str]) -> int:
    place = stage.doc.spec["predict"]["to"]
    name, table = place["storeRef"]["name"], place["table"]
    store, pace = stage.store(name), Pace(stage.ref(name).limits.get("rowsPerSecond"))
    ttl = lifetime(store, place, "predict.to")
    written, started = 0, time.monotonic()
    for batch in batches:
        if not written:
            _check_key(key, batch.schema)
            store.ensure_table(table, batch.schema, key)
        for piece in _pieces(batch, pace.batch_rows(BATCH_ROWS)):
            report = store.write(table, piece, key, ttl=ttl)
            if report.errors:
                _refused(table, report.errors)
            written += report.written
            pace.took(piece.num_rows)
            rate = written / max(time.monotonic() - started, 1e-6)
            stage.progress(Progress("predict", rows=written, rows_per_second=round(rate, 1)))
            stage.check_stopping()
    return written


def _pieces(batch: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    for start in range(0, batch.num_rows, size):
        yield batch.slice(start, size)


def _check_key(key: Sequence[str], schema: pa.Schema) -> None:
    missing = [name for name in key if name not in schema.names]
    if missing:
        there = ", ".join(schema.names)
        raise ConfigError(
            "SchemaMismatch", f"predict.to.key: no column {missing[0]!r}; columns: {there}"
        )


def _refused(table: str, errors: Sequence[RowError]) -> None:
    first = errors[0]
    raise DataError(
        "SchemaMismatch",
        f"{table} refuses {len(errors)} predictions; the first, {dict(first.key)}: {first.message}",
    )
