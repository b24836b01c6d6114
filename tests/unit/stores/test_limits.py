"""`limits.maxConcurrency`: no adapter has more requests in flight than it says."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pyarrow as pa
import pytest

from forebay_workloads.stores.cassandra_errors import spoken
from forebay_workloads.stores.cassandra_window import Request, Window
from forebay_workloads.stores.dynamodb_catalog import TableInfo as Items
from forebay_workloads.stores.dynamodb_rows import key_types
from forebay_workloads.stores.dynamodb_write import Writes as DynamoWrites
from forebay_workloads.stores.hbase_catalog import TableInfo as Cells
from forebay_workloads.stores.hbase_write import Writes as HBaseWrites

SCHEMA = pa.schema([("id", pa.int64()), ("text", pa.string())])
ROWS = pa.record_batch({"id": list(range(3000)), "text": ["x"] * 3000}, schema=SCHEMA)


class Flights:
    """A server that is slow enough to be asked several things at once; `most` is how many there were."""

    where = "here"

    def __init__(self, concurrency: int) -> None:
        self.concurrency = concurrency
        self.pool = ThreadPoolExecutor(16)
        self.now = self.most = self.all = 0
        self._lock = threading.Lock()

    @contextmanager
    def one(self):
        with self._lock:
            self.now += 1
            self.all += 1
            self.most = max(self.most, self.now)
        time.sleep(0.002)
        with self._lock:
            self.now -= 1
        yield

    def call(self, *_, **__):  # of DynamoDB
        with self.one():
            return {"UnprocessedItems": {}}

    def use(self, *_, **__):  # of HBase
        with self.one():
            return

    def speak(self, what):  # of Cassandra
        return spoken(what)

    def send(self, _):
        return Answer(self)


class Answer:
    """Comes from a thread of the driver's."""

    def __init__(self, flights: Flights) -> None:
        self._flights = flights
        flights.now += 1
        flights.all += 1
        flights.most = max(flights.most, flights.now)

    def add_callbacks(self, callback, errback):  # noqa: ARG002 - the driver's names
        def answer():
            self._flights.now -= 1
            callback(None)

        threading.Timer(0.002, answer).start()


class Tables:
    def __init__(self, table):
        self._table = table

    def remembered(self, _):
        return self._table

    info = remembered


def cassandra(flights):
    Window(flights, "t").run(Request(n) for n in range(200))


def dynamodb(flights):
    table = Items("t", "t", SCHEMA, ["id"], key_types(SCHEMA, ["id"]), own=True)
    DynamoWrites(flights, Tables(table)).write("t", ROWS, ["id"], merge=False)


def hbase(flights):
    table = Cells("t", b"t", SCHEMA, ["id"], own=True)
    HBaseWrites(flights, Tables(table)).write("t", ROWS, ["id"], merge=False)


@pytest.mark.parametrize("write", [cassandra, dynamodb, hbase])
@pytest.mark.parametrize("most", [1, 3])
def test_a_write_has_at_most_so_many_requests_in_flight(write, most):
    flights = Flights(most)
    write(flights)
    flights.pool.shutdown()
    assert flights.all > most
    assert flights.most <= most
