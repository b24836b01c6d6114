"""What every store adapter must do. An adapter's test subclasses `StoreConformance` and gives a fixture.

from .store_conformance import StoreConformance, store

class TestMongo(StoreConformance):
    @pytest.fixture
    def adapter(self, ...): return MongoAdapter(...)
"""

from __future__ import annotations

import io
from typing import Protocol

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores.base import Store

from .blob_conformance import BlobConformance
from .rows import fill, numbers, read
from .table_conformance import TableConformance


class Adapter(Protocol):
    """How the suite reaches the store under test."""

    ref: StoreRef

    def open(self) -> Store:
        """A new connection to the same, at first empty, store."""

    def corrupt(self, key: str) -> None:
        """Changes one stored byte of a blob behind the adapter's back."""


@pytest.fixture
def store(adapter: Adapter):
    with adapter.open() as opened:
        yield opened


class StoreConformance(TableConformance, BlobConformance):
    def test_a_probe_names_the_server_and_its_version(self, store):
        assert any(letter.isdigit() for letter in store.probe().server_version)

    def test_everything_is_there_for_the_next_connection(self, store, adapter):
        fill(store, "t", numbers(0, 3))
        store.put_blob("a", io.BytesIO(b"x"))
        store.close()
        with adapter.open() as other:
            assert len(read(other, "t")) == 3
            assert len(other.list_blobs("")) == 1

    def test_a_store_may_be_closed_twice(self, adapter):
        opened = adapter.open()
        opened.close()
        opened.close()
