"""Where the preprocess stage reads: `preprocess.from`, or what ingest has written.

Used by `preprocess.run`. It streams a store's snapshot in order, with progress, and checks nothing of the
content.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow as pa

from forebay_workloads.contract import Progress
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest.pinned import pace, reader, remark
from forebay_workloads.ingest.whole import whole
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Reader, Snapshot


@dataclass(frozen=True)
class Source:
    """A table of an open store, pinned."""

    store_name: str
    table: str
    store: Reader
    snapshot: Snapshot
    schema: pa.Schema
    remark: str | None = None  # for status: how strong the pin is, where one was asked for

    @property
    def names(self) -> list[str]:
        """What SQL may call it: `input`, the table's name, and that without a file's suffix."""
        stem = self.table.rsplit("/", 1)[-1].split(".", 1)[0]
        return list(dict.fromkeys(name for name in ("input", self.table, stem) if name))

    def described(self) -> dict[str, Any]:
        """For the lineage: JSON values only."""
        return {"store": self.store_name, "table": self.table, "snapshot": asdict(self.snapshot)}

    def batches(self, stage: Stage, share: float) -> Iterator[pa.RecordBatch]:
        """All rows in the store's order; they are the first `share` (0 … 1) of the stage's work."""
        started, rows, total = time.monotonic(), 0, self.snapshot.rows
        limit = stage.ref(self.store_name).limits.get("rowsPerSecond")
        for batch in whole(self.store, self.snapshot, pace(self.snapshot, limit)):
            stage.check_stopping()
            yield batch
            rows += batch.num_rows
            rate = rows / max(time.monotonic() - started, 1e-6)
            stage.progress(
                Progress(
                    "preprocess",
                    percent=100 * share * min(1.0, rows / total) if total else None,
                    rows=rows,
                    total_rows=total,
                    rows_per_second=rate,
                    eta_seconds=max(0.0, (total - rows) / rate) if total else None,
                )
            )


def open_source(stage: Stage) -> Source:
    """Finds and pins the table; ConfigError ReferenceMissing or FieldNotSupportedInMode."""
    place = _place(stage.doc.spec)
    name, table = place["storeRef"]["name"], place.get("table")
    if not table:
        raise ConfigError(
            "FieldNotSupportedInMode",
            "preprocess reads a table, not a topic; ingest the topic into a table first",
        )
    store = reader(stage, place, stage.store(name))
    schema, snapshot = store.schema(table), store.snapshot(table)
    return Source(name, table, store, snapshot, schema, remark(place, snapshot))


def _place(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    for stage, field in (("preprocess", "from"), ("ingest", "to"), ("ingest", "from")):
        place: Mapping[str, Any] | None = (spec.get(stage) or {}).get(field)
        if place:
            return place
    raise ConfigError(
        "ReferenceMissing", "preprocess has nothing to read: give preprocess.from or ingest"
    )
