"""All rows of a snapshot, part after part, no faster than the limits say. What was lost on the way ends the stage.

Used wherever a stage reads a table: by ingest, preprocess and train. A model must never be made of a silent part of
its data.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from forebay_workloads.errors import DataError
from forebay_workloads.ingest.pace import Pace
from forebay_workloads.stores.base import BATCH_ROWS, COPIED, Reader, Snapshot, Split


def whole(
    store: Reader, snapshot: Snapshot, rows_per_second: float | None, parts: int = 1
) -> Iterator[pa.RecordBatch]:
    """The snapshot's rows in the store's order.

    Raises:
        DataError: SnapshotExpired when a part, or rows of a pinned snapshot, did not come; what `scan` raises.
    """
    pace, read = Pace(rows_per_second), 0
    for split in checked(snapshot, store.splits(snapshot, parts)):
        for batch in store.scan(split, batch_rows=pace.batch_rows(BATCH_ROWS)):
            yield batch
            read += batch.num_rows
            pace.took(batch.num_rows)
    if snapshot.strength in ("Pinned", COPIED) and snapshot.rows not in (None, read):
        raise _lost(snapshot, f"{read:,} of {snapshot.rows:,} rows came")


def checked(snapshot: Snapshot, parts: Sequence[Split]) -> Sequence[Split]:
    """The parts, if each of them is there once."""
    count = parts[0].count if parts else 0
    found = [(part.index, part.count) for part in parts]
    if not parts or found != [(index, count) for index in range(count)]:
        raise _lost(snapshot, f"{len(set(found))} of its {count or 1} parts came")
    return parts


def _lost(snapshot: Snapshot, said: str) -> DataError:
    message = f"table {snapshot.table!r}: {said}; start a new run"
    return DataError("SnapshotExpired", message)
