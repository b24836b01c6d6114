"""Puts refused rows where `delivery.deadLetter` says, whole, with why and where they came from.

Used by `ingest.copy` only. A row's id depends on its source and content alone: a repeated stage writes
the same letters again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from forebay_workloads.ingest.plan import Plan
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import RowError
from forebay_workloads.stores.checks import all_written

SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),  # <store>/<table>
        ("row", pa.int64()),  # of the source, from 1
        ("key", pa.string()),  # JSON
        ("reason", pa.string()),
        ("message", pa.string()),
        ("record", pa.string()),  # the row as JSON
    ]
)


def described(error: RowError, before: int) -> dict[str, Any]:
    """A refused row of a batch that starts after `before` rows, for messages and results."""
    row = before + error.index + 1
    return {"row": row, "key": dict(error.key), "reason": error.reason, "message": error.message}


class DeadLetter:
    """A table or topic of refused rows."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        place = plan.dead_letter or {}
        self._source = f"{plan.source_name}/{plan.source_table}"
        self._table: str | None = place.get("table")
        self._topic: str | None = place.get("topic")
        name = place["storeRef"]["name"]
        if self._table:
            self._store = stage.store(name)
            self._store.ensure_table(self._table, SCHEMA, ["id"])
        else:
            self._stream = stage.stream(name)

    def put(self, batch: pa.RecordBatch, errors: Sequence[RowError], before: int) -> None:
        """Keeps the refused rows of a batch; durable when it returns."""
        letters = [self._letter(batch, error, before) for error in errors]
        if self._table:
            rows = pa.RecordBatch.from_pylist(letters, SCHEMA)
            all_written(self._table, self._store.write(self._table, rows, ["id"]))
        elif self._topic:
            self._stream.produce(
                self._topic,
                [letter["record"].encode() for letter in letters],
                [letter["id"].encode() for letter in letters],
                [
                    {
                        name: str(letter[name]).encode()
                        for name in ("source", "row", "reason", "message")
                    }
                    for letter in letters
                ],
            )

    def _letter(self, batch: pa.RecordBatch, error: RowError, before: int) -> dict[str, Any]:
        row = described(error, before)
        record = json.dumps(batch.slice(error.index, 1).to_pylist()[0], default=str, sort_keys=True)
        text = f"{self._source}\n{record}"  # not its row: a source that grew has it elsewhere
        return {
            **row,
            "id": hashlib.sha256(text.encode()).hexdigest()[:32],
            "source": self._source,
            "key": json.dumps(row["key"], sort_keys=True),
            "record": record,
        }
