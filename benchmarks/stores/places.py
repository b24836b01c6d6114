"""The server of a run, a place on it that nothing else uses, and its tables. Used by run.py."""

import os
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import ours
import pyarrow as pa
import rows
from harness.servers import life
from harness.servers.server import Server
from tests.servers.kit.places import KINDS

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream

PARTITIONS = 4


def server(name):
    """The one that FOREBAY_TEST_<NAME> names, else that of `make servers`."""
    there = os.environ.get(f"FOREBAY_TEST_{name.upper()}")
    found = Server.of(there) if there else life.running(name)
    if found is None:
        raise SystemExit(f"{name} does not run: python -m harness.servers up {name}")
    return found


@contextmanager
def place(name):
    """Tables on a keyspace, database or prefix of this run; all of it goes at the end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        KINDS[name][0](server(name), Path(folder)) as made,
    ):
        yield Topics(made) if name == "kafka" else Tables(made.new())


class Tables:
    """Tables of one store."""

    def __init__(self, ref: StoreRef):
        self.ref = asdict(ref)
        self._store = open_store(ref)

    def make(self, name, shape, count=0):
        """A table; with so many rows."""
        self._store.ensure_table(name, ours.schema(shape), ["id"])
        for batch in ours.batches(shape, count):
            if self._store.write(name, batch, ["id"]).errors:
                raise SystemExit(f"{name}: rows were refused")
        return name

    def totals(self, name):
        """What is in a table."""
        (split,) = self._store.splits(self._store.snapshot(name), 1)
        return rows.totals(map(ours.arrow, self._store.scan(split)))

    def expected(self, shape, count):
        """What has to be in it."""
        return rows.expected(shape, count)


class Topics:
    """Topics of one broker."""

    def __init__(self, made):
        self._made, self._prefix, ref = made, made.prefix(), made.ref()
        self.ref = asdict(ref)
        self._stream = open_stream(ref)
        self._table = open_store(ref)

    def make(self, name, _shape, count=0):
        """A topic; with so many records."""
        topic = self._made.make(self._prefix + name, PARTITIONS)
        values, keys = rows.payments(count)
        for start in range(0, count, ours.BATCH):
            end = start + ours.BATCH
            self._stream.produce(topic, values[start:end], keys[start:end])
        return topic

    def totals(self, name):
        """All that is in a topic, whoever wrote it; the warm-up's records have their own topic."""
        found = []
        for split in self._table.splits(self._table.snapshot(name), 1):
            found += self._table.scan(split)
        table = pa.Table.from_batches(found)
        keys, values = table["key"].to_pylist(), table["value"].to_pylist()
        return rows.totals([rows.of_records(keys, values)])

    def expected(self, _shape, count):
        """What has to be in it."""
        values, keys = rows.payments(count)
        return rows.totals([rows.of_records(keys, values)])
