"""A run that asks for a pin reads one copy of its table, and says how strong that pin is."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest
from pyarrow import parquet

from forebay_workloads import ingest as package
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.ingest import parquet_copy
from forebay_workloads.ingest.pinned import pace, reader
from forebay_workloads.ingest.whole import whole
from forebay_workloads.preprocess.source import open_source
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import COPIED
from forebay_workloads.train.source import source, training_data
from tests.contract import rows as every

from .stages import document

PLACE = {"storeRef": {"name": "local"}, "table": "t", "snapshot": {"mode": "Pinned"}}
SPEC = {
    "ingest": {
        "from": PLACE,
        "to": {"storeRef": {"name": "target"}, "table": "copy", "key": ["id"]},
    },
    "preprocess": {"from": PLACE},
    "train": {"from": PLACE},
}


def batch(start, stop):
    ids = range(start, stop)
    return pa.record_batch({"id": pa.array(ids, pa.int64()), "text": [f"row {i}" for i in ids]})


@pytest.fixture(params=["None", "Horizon"])
def strength(request):
    return request.param


@pytest.fixture
def run(tmp_path, strength):
    """Opens stages of one run whose store pins no better than `strength`."""

    def opened(uid="uid-1", weak=strength, blocks=("ingest", "preprocess", "train")):
        doc = document(tmp_path, {name: SPEC[name] for name in blocks})
        stores = dict(doc.stores)
        stores["target"] = replace(
            stores["local"], name="target", settings={"path": str(tmp_path / "target.db")}
        )
        stage = Stage(replace(doc, stores=stores, run=replace(doc.run, uid=uid)))
        store = stage.store("local")
        pinned = store.snapshot
        store.snapshot = lambda table: replace(pinned(table), strength=weak, rows=None)
        return stage

    with opened() as stage:
        store = stage.store("local")
        store.ensure_table("t", batch(0, 1).schema, ["id"])
        store.write("t", batch(0, 100), ["id"])
    return opened


def change(stage):
    """What others do to the table meanwhile."""
    store = stage.store("local")
    store.write("t", batch(100, 150), ["id"])
    store.write("t", pa.record_batch({"id": pa.array([5], pa.int64()), "text": ["x"]}), ["id"])


def content(stage, parts=1, place=PLACE):
    one = reader(stage, place, stage.store("local"))
    found = [b for b in whole(one, one.snapshot("t"), None, parts) if b.num_rows]
    return pa.Table.from_batches(found).to_pylist()


def files(stage):
    return stage.workspace.names("snapshot/")


def test_every_later_reader_of_the_run_sees_the_rows_of_the_first(run):
    with run() as stage:
        assert content(stage) == batch(0, 100).to_pylist()
        change(stage)
    with run() as stage:
        assert content(stage) == batch(0, 100).to_pylist()
        prepared = open_source(stage)
        read = pa.Table.from_batches(prepared.batches(stage, 1.0))
        assert read.to_pylist() == batch(0, 100).to_pylist()
        package.run(stage)
        assert stage.store("target").snapshot("copy").rows == 100
    with run(blocks=("train",)) as stage:
        assert training_data(stage).train.rows == 100


def test_another_run_reads_what_is_there_by_then(run):
    with run() as stage:
        content(stage)
        change(stage)
    with run(uid="uid-2") as stage:
        assert len(content(stage)) == 150


def test_the_strength_is_that_of_a_copy_with_rows_digest_and_what_the_store_could_do(run, strength):
    with run() as stage:
        one = reader(stage, PLACE, stage.store("local"))
        snapshot = one.snapshot("t")
        assert (snapshot.strength, snapshot.rows) == (COPIED, 100)
        assert snapshot.digest.startswith("sha256:")
        assert snapshot.at["store"] == strength
        assert snapshot.at["copy"].startswith("runs/uid-1/snapshot/")
        assert snapshot.at["began"] <= snapshot.at["ended"]
        result = package.run(stage)
        assert result.message == "snapshot Pinned (copy)"
        assert result.detail["snapshot"]["strength"] == COPIED
        assert result.detail["snapshot"]["digest"] == snapshot.digest
        assert open_source(stage).described()["snapshot"]["strength"] == COPIED
    with run(blocks=("train",)) as stage:
        training_data(stage)
        assert source(stage)["snapshot"]["strength"] == COPIED


def test_a_store_that_pins_by_itself_is_not_copied(run):
    with run(weak="Pinned") as stage:
        assert reader(stage, PLACE, stage.store("local")) is stage.store("local")
        assert package.run(stage).message == "snapshot Pinned"
        assert files(stage) == []


@pytest.mark.parametrize("policy", [None, {"mode": "AsStore"}])
def test_without_the_wish_nothing_is_copied_and_the_weak_pin_is_said(run, policy, strength):
    place = {**PLACE, "snapshot": policy}
    with run() as stage:
        one = reader(stage, place, stage.store("local"))
        assert one is stage.store("local")
        assert one.snapshot("t").strength == strength
        assert files(stage) == []


def test_an_attempt_that_was_stopped_leaves_no_half_of_a_copy(run, monkeypatch):
    monkeypatch.setattr(parquet_copy, "FILE_BYTES", 1)
    monkeypatch.setattr(parquet_copy, "GROUP_BYTES", 1)
    with run() as stage:
        scan = stage.store("local").scan

        def stopped(split, columns=None, batch_rows=100):
            yield from scan(split, columns, 30)
            stage.stopping.set()
            yield batch(0, 1)

        stage.store("local").scan = stopped
        with pytest.raises(Preempted):
            content(stage)
        left = files(stage)
        assert left
        assert not [name for name in left if "manifest" in name]
    with run() as stage:
        change(stage)
        assert len(content(stage)) == 150
        assert not set(left) & set(files(stage))


def test_rows_that_are_lost_make_no_copy(run):
    with run() as stage:
        store = stage.store("local")
        splits = store.splits
        store.splits = lambda snapshot, _count: splits(snapshot, 3)[:-1]
        with pytest.raises(DataError) as caught:
            content(stage)
        assert caught.value.reason == "SnapshotExpired"
        assert files(stage) == []


@pytest.mark.parametrize("parts", [1, 2, 3, 100])
def test_a_copy_of_several_parquet_files_is_read_in_parts_each_row_once(run, parts, monkeypatch):
    monkeypatch.setattr(parquet_copy, "FILE_BYTES", 1)
    monkeypatch.setattr(parquet_copy, "GROUP_BYTES", 1)
    with run() as stage:
        scan = stage.store("local").scan
        stage.store("local").scan = lambda split, *_, **__: scan(split, None, 20)
        assert content(stage, parts) == batch(0, 100).to_pylist()
        kept = [name for name in files(stage) if name.endswith(".parquet")]
        assert len(kept) == 5
        tables = [parquet.read_table(pa.BufferReader(stage.workspace.get(one))) for one in kept]
        assert pa.concat_tables(tables).to_pylist() == batch(0, 100).to_pylist()


def test_columns_are_read_in_the_order_asked_and_an_unknown_one_is_named(run):
    with run() as stage:
        one = reader(stage, PLACE, stage.store("local"))
        (part,) = one.splits(one.snapshot("t"), 1)
        sizes = [b.num_rows for b in one.scan(part, ["text", "id"], 30)]
        assert sum(sizes) == 100
        assert max(sizes) <= 30
        assert next(one.scan(part, ["text", "id"])).schema.names == ["text", "id"]
        with pytest.raises(ConfigError, match=r"'wrong'.*id int64"):
            list(one.scan(part, ["wrong"]))


def test_every_type_and_an_empty_table_come_back_as_they_were(run):
    with run() as stage:
        store = stage.store("local")
        for table, rows in (
            ("every", every.every_type()),
            ("none", every.every_type().slice(0, 0)),
        ):
            store.ensure_table(table, rows.schema, ["id"])
            store.write(table, rows, ["id"])
            one = reader(stage, {**PLACE, "table": table}, store)
            assert one.schema(table).equals(every.EVERY_TYPE)
            found = [row for b in whole(one, one.snapshot(table), None) for row in b.to_pylist()]
            assert sorted(found, key=lambda row: row["id"]) == (
                every.ROWS if table == "every" else []
            )


def test_a_file_that_is_not_what_was_written_or_gone_ends_the_stage(run):
    with run() as stage:
        content(stage)
        (name,) = [name for name in files(stage) if name.endswith(".parquet")]
        stage.workspace.put(name, stage.workspace.get(name)[:-1] + b"x")
        with pytest.raises(DataError, match="not what was written") as caught:
            content(stage)
        assert caught.value.reason == "DigestMismatch"
        stage.workspace.delete(name)
        with pytest.raises(DataError, match="is gone"):
            content(stage)


def test_a_type_that_parquet_lacks_is_refused_instead_of_a_weaker_pin(run):
    with run() as stage:
        store = stage.store("local")
        store.schema = lambda _: pa.schema({"id": pa.month_day_nano_interval()})
        with pytest.raises(ConfigError, match=r"snapshot\.mode Pinned.*Parquet") as caught:
            content(stage)
        assert caught.value.reason == "FieldNotSupportedInMode"
        assert files(stage) == []


def test_the_stores_limit_is_not_kept_for_a_copy(run):
    with run() as stage:
        one = reader(stage, PLACE, stage.store("local"))
        assert pace(one.snapshot("t"), 5.0) is None
        assert pace(stage.store("local").snapshot("t"), 5.0) == 5.0
