"""The embedded store and stream pass the suites."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream

from .store_conformance import StoreConformance, store  # noqa: F401 - a fixture
from .stream_conformance import StreamConformance, stream  # noqa: F401 - a fixture


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
