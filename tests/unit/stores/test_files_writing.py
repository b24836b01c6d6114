"""Tables and blobs that the files store writes: whole or not at all, whatever happens."""

from __future__ import annotations

import contextlib
import errno
import io
import os

import pyarrow as pa
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import file_table, open_store
from forebay_workloads.stores.file_tree import Tree


@pytest.fixture
def store(tmp_path):
    with open_store(StoreRef("files", "files", {"url": str(tmp_path)})) as opened:
        yield opened


def numbers(start, stop, text="x"):
    return pa.record_batch(
        {"id": pa.array(range(start, stop), pa.int64()), "text": [text] * (stop - start)}
    )


def rows(store, table="t"):
    parts = store.splits(store.snapshot(table), 3)
    return [tuple(row.values()) for p in parts for b in store.scan(p) for row in b.to_pylist()]


def hidden(folder):
    return sorted(p.name for p in folder.rglob(".*") if p.name != ".lock" and p.suffix != ".sha256")


def full_disk(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_large_table_has_several_parts_and_updates_touch_only_theirs(
    store, tmp_path, monkeypatch
):
    monkeypatch.setattr(file_table, "PART_ROWS", 100)
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    for start in range(0, 300, 60):
        store.write("t", numbers(start, start + 60), ["id"])
    before = {path.name for path in (tmp_path / "t").glob("*.parquet")}
    assert len(before) == 5
    store.write("t", numbers(70, 72, "new"), ["id"])
    after = {path.name for path in (tmp_path / "t").glob("*.parquet")}
    assert len(before & after) == 4
    assert rows(store) == [(i, "new" if i in (70, 71) else "x") for i in range(300)]


def test_small_writes_fill_one_part(store, tmp_path):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    for start in range(20):
        store.write("t", numbers(start, start + 1), ["id"])
    assert len(list((tmp_path / "t").glob("*.parquet"))) == 1
    assert len(rows(store)) == 20


def test_F48_a_full_disk_leaves_the_table_as_it_was(store, tmp_path, monkeypatch):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 10), ["id"])
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(RetryableError) as caught:
        store.write("t", numbers(5, 20, "new"), ["id"])
    assert caught.value.reason == "DiskFull"
    assert rows(store) == [(i, "x") for i in range(10)]
    assert len(list((tmp_path / "t").glob("*.parquet"))) == 1
    assert hidden(tmp_path) == []


def test_F48_a_full_disk_leaves_the_blob_as_it_was(store, tmp_path, monkeypatch):
    store.put_blob("a/b", io.BytesIO(b"old"))
    monkeypatch.setattr(os, "fsync", full_disk)
    for key in ("a/b", "a/c"):
        with pytest.raises(RetryableError) as caught:
            store.put_blob(key, io.BytesIO(b"new"))
        assert caught.value.reason == "DiskFull"
    monkeypatch.undo()
    assert [info.key for info in store.list_blobs("")] == ["a/b"]
    with store.open_blob("a/b") as stream:
        assert stream.read() == b"old"
    assert hidden(tmp_path) == []


@pytest.mark.parametrize("step", range(6))
def test_F24_a_writer_killed_at_any_step_leaves_the_old_or_the_new_blob(store, monkeypatch, step):
    """Every change of the folder is a move or a removal; the n-th one does not happen, nor any after."""
    store.put_blob("a", io.BytesIO(b"old"))
    left = [step]

    class Killed(BaseException):
        pass

    def counted(action):
        def act(*arguments):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return action(*arguments)

        return act

    monkeypatch.setattr(Tree, "move", counted(Tree.move))
    monkeypatch.setattr(Tree, "remove", counted(Tree.remove))
    with contextlib.suppress(Killed):
        store.put_blob("a", io.BytesIO(b"new!"))
    monkeypatch.undo()
    (info,) = store.list_blobs("")
    with store.open_blob("a") as stream:
        content = stream.read()
    assert content in (b"old", b"new!")
    assert info.size == len(content)
    store.put_blob("a", io.BytesIO(b"next"))
    with store.open_blob("a") as stream:
        assert stream.read() == b"next"


def test_spare_files_of_dead_writers_are_removed(store, tmp_path):
    store.put_blob("a", io.BytesIO(b"x"))
    old, young = tmp_path / ".a.0123.part", tmp_path / ".a.4567.part"
    for spare in (old, young):
        spare.write_bytes(b"half")
    os.utime(old, (0, 0))
    store.put_blob("a", io.BytesIO(b"y"))
    assert hidden(tmp_path) == [".a.4567.part"]


def test_source_files_are_never_written(store, tmp_path):
    (tmp_path / "ratings.csv").write_text("id\n1\n")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.csv").write_text("id\n1\n")
    for table in ("ratings.csv", "in"):
        with pytest.raises(ConfigError) as caught:
            store.ensure_table(table, numbers(0, 1).schema, ["id"])
        assert caught.value.reason == "NameConflict"
    with pytest.raises(ConfigError, match="pattern"):
        store.ensure_table("*.parquet", numbers(0, 1).schema, ["id"])
    with pytest.raises(ConfigError, match="create it first"):
        store.write("ratings.csv", numbers(0, 1), ["id"])


def test_a_damaged_manifest_is_named(store, tmp_path):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    (tmp_path / "t" / "_table.json").write_text("{}")
    with pytest.raises(DataError, match=r"_table\.json") as caught:
        store.schema("t")
    assert caught.value.reason == "DigestMismatch"


def test_a_blob_lies_under_its_key_for_other_programs(store, tmp_path):
    store.put_blob("models/m/model.onnx", io.BytesIO(b"onnx"))
    assert (tmp_path / "models/m/model.onnx").read_bytes() == b"onnx"
    assert store.local_path("models/m/model.onnx") == tmp_path / "models/m/model.onnx"


def test_a_folder_that_does_not_exist_yet_is_made_by_the_first_write(tmp_path):
    with open_store(StoreRef("files", "files", {"url": str(tmp_path / "new" / "work")})) as store:
        assert store.probe().detail["exists"] is False
        assert store.list_blobs("") == []
        store.put_blob("a", io.BytesIO(b"x"))
        assert store.probe().detail["exists"] is True


def test_urls_that_cannot_be_opened_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"files\.url"):
        open_store(StoreRef("files", "files"))
    with pytest.raises(ConfigError, match="nosuch"):
        open_store(StoreRef("files", "files", {"url": "nosuch://x"}))
    (tmp_path / "file").write_text("x")
    with pytest.raises(ConfigError, match="no folder"):
        open_store(StoreRef("files", "files", {"url": str(tmp_path / "file")})).probe()


def test_a_type_without_an_adapter_is_refused_by_name():
    with pytest.raises(ConfigError, match="'oracle'") as caught:
        open_store(StoreRef("x", "oracle"))
    assert caught.value.reason == "FieldNotSupportedInMode"


def test_with_the_last_blob_of_a_folder_the_folder_goes_and_the_store_stays(store, tmp_path):
    for key in ("runs/a/data/x", "runs/a/report/y", "runs/b/z"):
        store.put_blob(key, io.BytesIO(b"bytes"))
    store.delete_blob("runs/a/data/x")
    store.delete_blob("runs/a/report/y")
    assert [path.name for path in (tmp_path / "runs").iterdir()] == ["b"]
    store.delete_blob("runs/b/z")
    assert tmp_path.is_dir()
    assert not (tmp_path / "runs").exists()


def test_a_folder_that_goes_while_a_blob_is_begun_is_made_again(store, tmp_path, monkeypatch):
    whole, seen = Tree._opened, []

    def opened(tree, full):
        makedirs = tree.fs.makedirs

        def made(path, exist_ok=False):
            makedirs(path, exist_ok=exist_ok)
            if not seen:
                seen.append(path)
                tree.prune("runs/a")

        monkeypatch.setattr(tree.fs, "makedirs", made)
        return whole(tree, full)

    monkeypatch.setattr(Tree, "_opened", opened)
    store.put_blob("runs/a/x", io.BytesIO(b"bytes"))
    with store.open_blob("runs/a/x") as stream:
        assert stream.read() == b"bytes"
    assert seen
