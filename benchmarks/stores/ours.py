"""Our own adapters as peers: through the contracts alone, as every stage uses them."""

import time

import pyarrow as pa
import rows
from peer import Peer

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream

BATCH = 10_000  # rows of a write
POLLED = 2_000  # records of a poll, each with its commit
TYPES = {"int64": pa.int64(), "int32": pa.int32(), "float64": pa.float64(), "text": pa.string()}


def schema(shape):
    """Of the table of that shape."""
    return pa.schema([(name, TYPES[kind]) for name, kind in rows.kinds(shape).items()])


def batches(shape, count):
    """Its rows."""
    made = []
    for start in range(0, count, BATCH):
        some = rows.columns(shape, min(BATCH, count - start), start)
        made.append(pa.record_batch(list(map(pa.array, some.values())), schema=schema(shape)))
    return made


def arrow(batch):
    """Its columns by name."""
    found = zip(batch.schema.names, batch.columns, strict=True)
    return {
        name: one.to_pylist() if pa.types.is_string(one.type) else one.to_numpy()
        for name, one in found
    }


class Table(Peer):
    """A store's tables."""

    def connect(self):
        self.store = open_store(StoreRef(**self.ref))

    def prepared(self, count):
        return batches(self.shape, count)

    def read(self, table, _count):
        splits = self.store.splits(self.store.snapshot(table), 1)
        return [batch for split in splits for batch in self.store.scan(split)]

    def write(self, table, prepared):
        for batch in prepared:
            report = self.store.write(table, batch, ["id"])
            if report.errors:
                raise SystemExit(f"not written: {report.errors[0]}")

    def columns(self, found):
        return map(arrow, found)

    def close(self):
        self.store.close()


class Stream(Peer):
    """Kafka's records, committed as they are read."""

    def connect(self):
        self.stream = open_stream(StoreRef(**self.ref))

    def prepared(self, count):
        return rows.payments(count)

    def read(self, table, count):
        group, found, began = rows.group(table), [], time.perf_counter()
        while len(found) < count:
            polled = self.stream.consume([table], group, POLLED, 5.0)
            if not found:  # joining the group takes its own time, the same for all
                self.waited = time.perf_counter() - began
            if not polled.records:
                raise SystemExit(f"{len(found)} of {count} records came")
            found += polled.records
            self.stream.commit(group, polled.positions)
        return found

    def write(self, table, prepared):
        values, keys = prepared
        for start in range(0, len(values), BATCH):
            self.stream.produce(table, values[start : start + BATCH], keys[start : start + BATCH])

    def columns(self, found):
        return [rows.of_records([one.key for one in found], [one.value for one in found])]

    def close(self):
        self.stream.close()
