"""The part of the store suite about blobs: whole or not there, digests checked, keys that stay inside."""

from __future__ import annotations

import hashlib
import io
import os

import pytest

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores.base import CHUNK_BYTES


class Broken(io.RawIOBase):
    """A source that fails after its first chunk."""

    def __init__(self) -> None:
        self._given = False

    def read(self, size: int = -1) -> bytes:
        if self._given:
            raise OSError("the source is gone")
        self._given = True
        return b"x" * size


class BlobConformance:
    @pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 17])
    def test_a_blob_is_given_back_with_its_size_and_digest(self, store, size):
        data = os.urandom(size)
        info = store.put_blob("models/movies/model.onnx", io.BytesIO(data))
        assert (info.key, info.size) == ("models/movies/model.onnx", size)
        assert info.digest == "sha256:" + hashlib.sha256(data).hexdigest()
        with store.open_blob("models/movies/model.onnx") as stream:
            assert stream.read() == data
        assert store.list_blobs("models/") == [info]

    def test_a_blob_can_be_read_in_small_pieces(self, store):
        data = os.urandom(CHUNK_BYTES + 100)
        store.put_blob("a", io.BytesIO(data))
        with store.open_blob("a") as stream:
            assert b"".join(iter(lambda: stream.read(65_537), b"")) == data

    def test_S11_a_corrupted_blob_is_never_given_out_as_whole(self, store, adapter):
        store.put_blob("a/b", io.BytesIO(os.urandom(2 * CHUNK_BYTES + 5)))
        adapter.corrupt("a/b")
        with pytest.raises(DataError, match="a/b") as caught, store.open_blob("a/b") as stream:
            stream.read()
        assert caught.value.reason == "DigestMismatch"

    def test_a_blob_that_is_not_complete_is_not_there(self, store):
        with pytest.raises((OSError, RetryableError)):
            store.put_blob("a", Broken())
        assert store.list_blobs("") == []
        with pytest.raises(ConfigError) as caught:
            store.open_blob("a")
        assert caught.value.reason == "ReferenceMissing"

    def test_a_failed_replacement_leaves_the_old_blob(self, store):
        store.put_blob("a", io.BytesIO(b"old"))
        with pytest.raises((OSError, RetryableError)):
            store.put_blob("a", Broken())
        with store.open_blob("a") as stream:
            assert stream.read() == b"old"

    def test_a_blob_is_replaced_as_a_whole(self, store, adapter):
        store.put_blob("a", io.BytesIO(os.urandom(2 * CHUNK_BYTES)))
        store.put_blob("a", io.BytesIO(b"new"))
        with adapter.open() as other, other.open_blob("a") as stream:
            assert stream.read() == b"new"
        assert [info.size for info in store.list_blobs("a")] == [3]

    def test_blobs_are_listed_by_prefix_in_the_order_of_their_keys(self, store):
        for key in ("m/b/2", "m/a", "m/b/1", "mm", "n_", "n%"):
            store.put_blob(key, io.BytesIO(key.encode()))
        assert [info.key for info in store.list_blobs("m/")] == ["m/a", "m/b/1", "m/b/2"]
        assert [info.key for info in store.list_blobs("m/b/")] == ["m/b/1", "m/b/2"]
        assert [info.key for info in store.list_blobs("m")] == ["m/a", "m/b/1", "m/b/2", "mm"]
        assert [info.key for info in store.list_blobs("n_")] == ["n_"]
        assert len(store.list_blobs("")) == 6
        assert store.list_blobs("none/") == []

    def test_deleting_a_blob_twice_is_no_error(self, store):
        store.put_blob("a/b", io.BytesIO(b"x"))
        store.delete_blob("a/b")
        store.delete_blob("a/b")
        assert store.list_blobs("") == []

    @pytest.mark.parametrize(
        "key", ["../a", "/a", "a/../../b", "a//b", "", "a/", "a\\..\\b", "a\0b"]
    )
    def test_F51_S14_a_key_that_could_lead_out_of_the_store_is_refused(self, store, key):
        with pytest.raises(ConfigError):
            store.put_blob(key, io.BytesIO(b"x"))
