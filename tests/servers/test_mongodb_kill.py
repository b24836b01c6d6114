"""The MongoDB adapter on a server that is killed meanwhile: nothing acknowledged is lost, nothing is there twice."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest
from harness.servers import life
from harness.servers.mongodb import client

from forebay_workloads.errors import RetryableError
from forebay_workloads.stores import open_store
from tests.contract.rows import fill, numbers

from .kit.reach import store_ref

CYCLES = 5


@pytest.fixture(scope="module")
def node(spare):
    return spare("mongodb")


@pytest.fixture
def store(node, tmp_path):
    settings = {"hosts": [node.address], "database": f"t_{random.randrange(10**9)}"}
    with open_store(store_ref(node, settings, tmp_path)) as opened:
        yield opened


def killed(node):
    """Ends the server and brings it back on its data."""
    root = Path(node.folder).parent
    life.kill("mongodb", root)
    life.start("mongodb", root)


def test_a_scan_goes_on_behind_the_last_document_when_the_server_came_back(store, node):
    fill(store, "t", numbers(0, 3000))
    (part,) = store.splits(store.snapshot("t"), 1)
    scan = store.scan(part, batch_rows=100)
    found = next(scan).column("id").to_pylist()
    killed(node)
    for batch in scan:
        found += batch.column("id").to_pylist()
    assert found == list(range(3000))


def test_F45_writes_across_kills_lose_nothing_and_double_nothing(store, node):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    store.write("t", numbers(0, 1), ["id"])
    stop, acknowledged = threading.Event(), 0

    def kill_now_and_then():
        for _ in range(CYCLES):
            time.sleep(random.uniform(0.05, 0.5))
            killed(node)
        stop.set()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    while not stop.is_set():
        batch = numbers(acknowledged, acknowledged + 50)
        try:
            report = store.write("t", batch, ["id"])
        except RetryableError:
            time.sleep(0.05)
            continue
        assert (report.written, list(report.errors)) == (50, [])
        acknowledged += 50
    killer.join()
    with client(node) as opened:  # another program counts
        database = opened[store._connection.database.name]
        found = sorted(one["id"] for one in database["t"].find({}, {"id": 1}))
    assert found[:acknowledged] == list(range(acknowledged))
    assert len(found) == len(set(found)) <= acknowledged + 50
    assert acknowledged > 0
