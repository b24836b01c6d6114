import pyarrow as pa
import pytest

from forebay_workloads import workspace as module
from forebay_workloads.errors import DataError
from forebay_workloads.workspace import Workspace, described

from .memory_store import FolderStore, MemoryStore

SCHEMA = pa.schema([("user", pa.string()), ("rating", pa.float64())])


def batch(start, count):
    users = [f"u{i}" for i in range(start, start + count)]
    return pa.record_batch([users, [i / 7 for i in range(start, start + count)]], schema=SCHEMA)


def read(dataset):
    return pa.Table.from_batches(list(dataset.batches()), dataset.schema)


@pytest.fixture
def workspace():
    return Workspace(MemoryStore(), "runs/1")


def test_a_data_set_comes_back_as_it_was_written(workspace):
    written = workspace.write_dataset("train", SCHEMA, [batch(0, 10), batch(10, 5)])
    dataset = workspace.dataset("train")
    assert dataset is not None
    assert (dataset.rows, dataset.digest) == (15, written.digest)
    assert read(dataset).equals(pa.Table.from_batches([batch(0, 15)]))
    assert read(dataset).equals(read(dataset))  # readable more than once
    assert described(dataset)["columns"][1] == {"name": "rating", "type": "double"}


def test_what_was_never_written_is_not_there(workspace):
    assert workspace.dataset("train") is None
    assert workspace.get("model/meta.json") is None
    assert workspace.read_json("results/train") is None


def test_an_empty_data_set_keeps_its_columns(workspace):
    dataset = workspace.write_dataset("train", SCHEMA, [])
    assert dataset.rows == 0
    assert dataset.schema == SCHEMA
    assert list(dataset.batches()) == []


def test_equal_rows_have_one_digest_however_they_were_batched(workspace):
    one = workspace.write_dataset("a", SCHEMA, [batch(0, 100)])
    many = workspace.write_dataset("b", SCHEMA, [batch(i, 1) for i in range(100)])
    other = workspace.write_dataset("c", SCHEMA, [batch(1, 100)])
    assert one.digest == many.digest
    assert one.digest != other.digest


def test_large_data_goes_into_several_parts_of_bounded_size(workspace, monkeypatch):
    monkeypatch.setattr(module, "PART_BYTES", 4096)
    monkeypatch.setattr(module, "PIECE_BYTES", 1024)
    dataset = workspace.write_dataset("train", SCHEMA, [batch(0, 2000)])
    parts = [len(data) for key, data in workspace.store.blobs.items() if key.endswith(".arrow")]
    assert len(parts) > 5
    assert max(parts) < 8192
    assert read(dataset).equals(pa.Table.from_batches([batch(0, 2000)]))


def test_the_manifest_is_written_after_all_parts_and_old_parts_go_last(workspace):
    workspace.write_dataset("train", SCHEMA, [batch(0, 3)])
    workspace.store.log.clear()
    dataset = workspace.write_dataset("train", SCHEMA, [batch(5, 3)])
    actions = [(verb, key.rsplit("/", 1)[-1]) for verb, key in workspace.store.log]
    assert actions == [
        ("put", "part-00000.arrow"),
        ("put", "manifest.json"),
        ("delete", "part-00000.arrow"),
    ]
    assert read(dataset)["user"].to_pylist() == ["u5", "u6", "u7"]


def test_a_rewrite_that_breaks_off_leaves_the_old_data_set(workspace):
    workspace.write_dataset("train", SCHEMA, [batch(0, 3)])

    def broken():
        yield batch(5, 3)
        raise DataError("SchemaMismatch", "row 4")

    with pytest.raises(DataError):
        workspace.write_dataset("train", SCHEMA, broken())
    assert read(workspace.dataset("train"))["user"].to_pylist() == ["u0", "u1", "u2"]


def test_a_data_set_can_be_rewritten_from_itself(workspace):
    workspace.write_dataset("train", SCHEMA, [batch(0, 10)])
    half = workspace.write_dataset(
        "train", SCHEMA, (b.slice(0, 5) for b in workspace.dataset("train").batches())
    )
    assert read(half)["user"].to_pylist() == ["u0", "u1", "u2", "u3", "u4"]


@pytest.mark.parametrize("local", [False, True])
def test_a_damaged_part_is_named_and_not_read(local, tmp_path):
    workspace = Workspace(FolderStore(tmp_path) if local else MemoryStore(), "runs/1")
    dataset = workspace.write_dataset("train", SCHEMA, [batch(0, 10)])
    (key,) = [key for key in workspace.store.blobs if key.endswith(".arrow")]
    data = bytearray(workspace.store.blobs[key])
    data[-40] ^= 1
    workspace.store.blobs[key] = bytes(data)
    if local:
        workspace.store.local_path(key).write_bytes(data)
    with pytest.raises(DataError, match="part-00000") as caught:
        list(dataset.batches())
    assert caught.value.reason == "DigestMismatch"


def test_a_lost_part_and_a_damaged_manifest_are_digest_mismatches(workspace):
    dataset = workspace.write_dataset("train", SCHEMA, [batch(0, 10)])
    for key in [key for key in workspace.store.blobs if key.endswith(".arrow")]:
        del workspace.store.blobs[key]
    with pytest.raises(DataError, match="is gone"):
        list(dataset.batches())
    for text in (b"{", b'{"rows": 3}'):
        workspace.store.blobs["runs/1/data/train/manifest.json"] = text
        with pytest.raises(DataError) as caught:
            workspace.dataset("train")
        assert caught.value.reason == "DigestMismatch"


def test_a_local_store_is_mapped_and_not_copied(tmp_path):
    workspace = Workspace(FolderStore(tmp_path), "runs/1")
    dataset = workspace.write_dataset("train", SCHEMA, [batch(0, 1000)])
    before = pa.total_allocated_bytes()
    kept = list(dataset.batches())
    assert pa.total_allocated_bytes() - before < 1000  # the values alone are 8,000 bytes
    assert kept[0]["rating"].to_pylist() == batch(0, 1000)["rating"].to_pylist()


def test_dictionary_columns_become_plain_and_wrong_columns_are_refused(workspace):
    plain = workspace.write_dataset("a", SCHEMA, [batch(0, 4)])
    schema = pa.schema([("user", pa.dictionary(pa.int8(), pa.string())), ("rating", pa.float64())])
    packed = workspace.write_dataset("b", schema, [batch(0, 4).cast(schema)])
    assert packed.schema == SCHEMA
    assert packed.digest == plain.digest
    with pytest.raises(DataError, match="have columns") as caught:
        workspace.write_dataset("c", SCHEMA, [pa.record_batch({"other": [1]})])
    assert caught.value.reason == "SchemaMismatch"


def test_documents_and_bytes_are_kept_by_name_below_the_prefix(workspace):
    workspace.write_json("results/train", {"curve": [{"rmse": float("nan")}], "best": 3})
    assert workspace.read_json("results/train.json") == {"curve": [{"rmse": None}], "best": 3}
    workspace.put("model/meta", b"x")
    assert workspace.get("model/meta") == b"x"
    assert workspace.names() == ["model/meta", "results/train.json"]
    assert list(workspace.store.blobs) == ["runs/1/results/train.json", "runs/1/model/meta"]
    workspace.delete("model/meta")
    assert workspace.get("model/meta") is None
