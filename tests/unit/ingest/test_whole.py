"""A stage reads all of a snapshot, or fails; and no faster than the store's limits allow."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import DataError
from forebay_workloads.ingest import pace
from forebay_workloads.ingest.whole import checked, whole
from forebay_workloads.stores import open_store

ROWS = 1000


@pytest.fixture
def store(tmp_path):
    with open_store(StoreRef("local", "embedded", {"path": str(tmp_path / "a.db")})) as opened:
        batch = pa.record_batch({"id": pa.array(range(ROWS), pa.int64())})
        opened.ensure_table("t", batch.schema, ["id"])
        opened.write("t", batch, ["id"])
        yield opened


class Lossy:
    """A store that loses a part, or some rows of each."""

    def __init__(self, store, parts=slice(None), rows=slice(None)):
        self._store, self._parts, self._rows = store, parts, rows

    def splits(self, snapshot, count):
        return self._store.splits(snapshot, count)[self._parts]

    def scan(self, split, columns=None, batch_rows=100):
        return list(self._store.scan(split, columns, batch_rows))[self._rows]


def read(store, snapshot, rate=None, parts=3):
    return sum(batch.num_rows for batch in whole(store, snapshot, rate, parts))


def test_all_parts_are_read(store):
    assert read(store, store.snapshot("t")) == ROWS


@pytest.mark.parametrize("strength", ["Pinned", "Horizon", "None"])
@pytest.mark.parametrize("lost", [slice(1, None), slice(None, -1), slice(0, None, 2), slice(0)])
def test_F49_a_part_that_is_lost_is_noticed_however_weak_the_pin(store, lost, strength):
    snapshot = replace(store.snapshot("t"), strength=strength, rows=None)
    with pytest.raises(DataError, match=r"of its \d parts came") as caught:
        read(Lossy(store, parts=lost), snapshot)
    assert caught.value.reason == "SnapshotExpired"


def test_a_part_that_comes_twice_is_noticed(store):
    snapshot = store.snapshot("t")
    parts = store.splits(snapshot, 3)
    with pytest.raises(DataError, match="2 of its 3 parts"):
        checked(snapshot, [parts[0], parts[1], parts[1]])


def test_rows_of_a_pinned_snapshot_that_did_not_come_are_noticed(store):
    with pytest.raises(DataError, match="0 of 1,000 rows came"):
        read(Lossy(store, rows=slice(0)), store.snapshot("t"))


def test_rows_that_come_and_go_while_nothing_is_pinned_are_no_loss(store):
    snapshot = replace(store.snapshot("t"), strength="None", rows=ROWS + 1)
    assert read(store, snapshot) == ROWS


def test_the_limit_is_kept_over_all_parts(store, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(
        "forebay_workloads.ingest.whole.Pace",
        lambda rate: pace.Pace(rate, lambda: now[0], lambda s: now.__setitem__(0, now[0] + s)),
    )
    snapshot = store.snapshot("t")
    sizes = [batch.num_rows for batch in whole(store, snapshot, 100, 3)]
    assert max(sizes) <= 100 * pace.STEP_SECONDS
    assert now[0] == pytest.approx(ROWS / 100, rel=0.1)
