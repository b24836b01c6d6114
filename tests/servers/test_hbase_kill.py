"""The HBase adapter on a server that is killed meanwhile: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from harness.servers import life
from harness.servers.hbase import client

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import open_store
from tests.contract.rows import fill, numbers

CYCLES = 2


@pytest.fixture(scope="module")
def node(spare):
    return spare("hbase")


@pytest.fixture
def store(node):
    prefix = f"t-{random.randrange(10**9)}-"
    settings = {"thriftServers": [node.address], "tablePrefix": prefix}
    with open_store(StoreRef("hbase", "hbase", settings)) as opened:
        yield opened


def killed(node):
    """Ends the server and brings it back on its data."""
    root = Path(node.folder).parent
    life.kill("hbase", root)
    life.start("hbase", root)


def test_a_scan_goes_on_behind_the_last_row_when_the_server_came_back(store, node):
    fill(store, "t", numbers(0, 200))
    (part,) = store.splits(store.snapshot("t"), 1)
    scan = store.scan(part, batch_rows=20)
    found = next(scan).column("id").to_pylist()
    killed(node)
    for batch in scan:
        found += batch.column("id").to_pylist()
    assert sorted(found) == list(range(200))


def test_writes_across_kills_lose_nothing_and_double_nothing(store, node):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    stop, acknowledged = threading.Event(), 0

    def kill_now_and_then():
        for _ in range(CYCLES):
            time.sleep(random.uniform(0.05, 0.5))
            killed(node)
        stop.set()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    while not stop.is_set():
        try:
            report = store.write("t", numbers(acknowledged, acknowledged + 50), ["id"])
        except RetryableError:
            time.sleep(0.05)
            continue
        assert (report.written, list(report.errors)) == (50, [])
        acknowledged += 50
    killer.join()
    table = client(node).table(f"{store._connection.prefix}t")
    found = sorted(int.from_bytes(cells[b"f:id"], "big") for _, cells in table.scan())
    assert found[:acknowledged] == list(range(acknowledged))
    assert len(found) == len(set(found)) <= acknowledged + 50
    assert acknowledged > 0
