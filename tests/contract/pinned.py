"""`snapshot.mode: Pinned` on a store under test, whatever its own pin is."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import pyarrow as pa

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.ingest.pinned import reader
from forebay_workloads.ingest.whole import whole
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import COPIED

from .rows import fill, numbers

STORE = "shop"
TABLE = "pinned"


def reads_the_same_rows_after_others_wrote(ref: StoreRef, folder: Path) -> None:
    """Two stages of one run, and others that add and change rows in between."""
    with _run(ref, folder) as stage:
        fill(stage.store(STORE), TABLE, numbers(0, 300))
        before = _rows(stage, TABLE)
    changed = pa.record_batch({"id": pa.array([5], pa.int64()), "text": ["another"]})
    with _run(ref, folder) as stage:
        for batch in (changed, numbers(300, 400)):
            fill(stage.store(STORE), TABLE, batch)
        assert _rows(stage, TABLE) == before
    assert sorted(before[0], key=lambda row: row["id"]) == numbers(0, 300).to_pylist()
    assert before[1]["strength"] == COPIED
    assert before[1]["rows"] == 300
    assert before[1]["at"]["store"] in ("None", "Horizon")


def rows(ref: StoreRef, folder: Path, table: str) -> tuple[list[dict], dict]:
    """The rows that a stage of the run reads, and their pin."""
    with _run(ref, folder) as stage:
        return _rows(stage, table)


def _run(ref: StoreRef, folder: Path) -> Stage:
    stores = {
        STORE: replace(ref, name=STORE),
        "workspace": StoreRef("workspace", "files", {"url": str(folder)}),
    }
    run = RunRef("run-1", "uid-1", "default", "pipeline")
    return Stage(StageDocument("ingest", run, {}, stores, "workspace"))


def _rows(stage: Stage, table: str) -> tuple[list[dict], dict]:
    place = {"storeRef": {"name": STORE}, "table": table, "snapshot": {"mode": "Pinned"}}
    one = reader(stage, place, stage.store(STORE))
    snapshot = one.snapshot(table)
    found = [row for batch in whole(one, snapshot, None, 3) for row in batch.to_pylist()]
    return found, asdict(snapshot)
