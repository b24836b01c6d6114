"""Copies the rows of a plan, batch by batch: number, pace, write, refuse, count, digest, profile, report.

Used by `ingest.run` only. Memory holds one batch; a stop between two batches loses nothing, as the next
attempt upserts the same rows.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from forebay_workloads.content import ContentDigest
from forebay_workloads.contract import Progress
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.ingest.deadletter import DeadLetter, described
from forebay_workloads.ingest.plan import ROW, Plan
from forebay_workloads.ingest.profile import Profile
from forebay_workloads.ingest.whole import whole
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import RowError

NAMED = 5  # refused rows that the message names
KEPT = 100  # refused rows that the results document names


class Copy:
    """One pass over the source."""

    def __init__(self, stage: Stage, plan: Plan) -> None:
        self._stage = stage
        self._plan = plan
        self._digest = ContentDigest(self._source_schema())
        self._profile = Profile(self._source_schema())
        self._dead = DeadLetter(stage, plan) if plan.dead_letter else None
        self._errors: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._read = self._written = self._failed = 0
        self.document: dict[str, Any] = {}

    def _source_schema(self) -> pa.Schema:
        return self._plan.source.schema(self._plan.source_table)

    @property
    def rows(self) -> dict[str, int]:
        """Counts for status."""
        return {"read": self._read, "written": self._written, "failed": self._failed}

    def run(self) -> Copy:
        """Copies everything; DataError EmptyDataset when there is nothing."""
        plan = self._plan
        for batch in whole(plan.source, plan.snapshot, plan.rows_per_second):
            if not batch.num_rows:
                continue
            if not self._read:
                plan.target.ensure_table(plan.target_table, plan.schema, plan.key)
            self._take(batch)
            self._report()
            self._stage.check_stopping()
        if not self._read:
            raise DataError(
                "EmptyDataset", f"{plan.source_table} in {plan.source_name} has no rows"
            )
        self.document = self._document()
        return self

    def _take(self, batch: pa.RecordBatch) -> None:
        plan = self._plan
        self._digest.update(batch)
        self._profile.update(batch)
        rows = self._numbered(batch) if plan.numbered else batch
        report = plan.target.write(plan.target_table, rows, plan.key, ttl=plan.ttl)
        self._written += report.written
        if report.errors:
            self._refused(batch, report.errors)
        self._read += batch.num_rows

    def _numbered(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        numbers = pa.array(range(self._read, self._read + batch.num_rows), pa.int64())
        return pa.RecordBatch.from_arrays([numbers, *batch.columns], [ROW, *batch.schema.names])

    def _refused(self, batch: pa.RecordBatch, errors: Sequence[RowError]) -> None:
        """Refused rows end the stage unless there is a place for them."""
        self._failed += len(errors)
        named = [described(error, self._read) for error in errors]
        self._errors += named[: KEPT - len(self._errors)]
        if self._dead is not None:
            self._dead.put(batch, errors, self._read)
            return
        plan = self._plan
        first = "; ".join(f"row {one['row']}: {one['message']}" for one in named[:NAMED])
        raise DataError(
            "SchemaMismatch",
            f"{plan.source_table}: {plan.target_table} refuses {len(errors):,} of its rows: {first}; "
            "mend them, or name a place for them in ingest.delivery.deadLetter",
        )

    def _report(self) -> None:
        total = self._plan.snapshot.rows
        rate = self._read / max(time.monotonic() - self._started, 1e-6)
        self._stage.progress(
            Progress(
                "ingest",
                percent=min(100.0, 100 * self._read / total) if total else None,
                rows=self._read,
                total_rows=total,
                rows_per_second=round(rate, 1),
                eta_seconds=round(max(0, total - self._read) / rate, 1) if total else None,
            )
        )

    def _document(self) -> dict[str, Any]:
        plan = self._plan
        seconds = time.monotonic() - self._started
        stored = self._stored()
        if stored is not None and plan.snapshot.rows == self._read and stored < self._written:
            self._stage.log(
                f"{self._written - stored:,} of {self._written:,} rows repeat a key; the last of each is kept"
            )
        return {
            "source": {
                "store": plan.source_name,
                "table": plan.source_table,
                "snapshot": asdict(plan.snapshot),
            },
            "target": {
                "store": plan.target_name,
                "table": plan.target_table,
                "key": plan.key,
                "rows": stored,
            },
            "rows": self.rows,
            "digest": self._digest.value(),
            "columns": self._profile.entries(),
            "errors": self._errors,
            "seconds": round(seconds, 3),
            "rowsPerSecond": round(self._read / max(seconds, 1e-6), 1),
        }

    def _stored(self) -> int | None:
        """Rows of the target after the copy, where it knows."""
        try:
            return self._plan.target.snapshot(self._plan.target_table).rows
        except ConfigError as error:
            if error.reason == "ReferenceMissing":
                return None
            raise
