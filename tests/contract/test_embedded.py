"""The embedded store and stream pass the suites."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream

from .store_conformance import StoreConformance, store  # noqa: F401 - a fixture
from .stream_conformance import StreamConformance, drain, stream  # noqa: F401 - a fixture


class EmbeddedAdapter:
    def __init__(self, path):
        self.path = path
        self.ref = StoreRef("local", "embedded", {"path": str(path)})

    def open(self):
        return open_store(self.ref)

    def corrupt(self, key):
        with closing(sqlite3.connect(self.path)) as database, database:
            database.execute(
                "UPDATE _forebay_chunks SET data = CAST(substr(data, 1, 9) || x'00' || substr(data, 11) AS BLOB)"
                " WHERE number = 1 AND blob = (SELECT id FROM _forebay_blobs WHERE key = ?)",
                (key,),
            )


class EmbeddedStreamAdapter(EmbeddedAdapter):
    def open(self):
        return open_stream(self.ref)


class TestEmbeddedStore(StoreConformance):
    @pytest.fixture
    def adapter(self, tmp_path):
        return EmbeddedAdapter(tmp_path / "state" / "local.db")


class TestEmbeddedStream(StreamConformance):
    @pytest.fixture
    def adapter(self, tmp_path):
        return EmbeddedStreamAdapter(tmp_path / "local.db")

    def test_records_of_one_that_ended_without_closing_come_again(self, stream, adapter):  # noqa: F811
        stream.produce("t", [b"1", b"2", b"3"], [b"k"] * 3)
        assert len(stream.consume(["t"], "g", 2, 0.05).records) == 2
        again = adapter.open()
        assert [record.value for record in drain(again)] == [b"1", b"2", b"3"]
        again.close()
