"""Couchbase's server or the adapter's own process is killed. The stand-in forgets all then: a real server does not."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from harness.servers import life

from forebay_workloads.errors import StageError
from forebay_workloads.stores import open_store
from tests.contract.rows import fill, numbers, read

from .kit.reach import store_ref

CYCLES = 3
WRITERS = 12  # that are killed
_WRITER = """
import json, sys
from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from tests.contract.rows import numbers

told = json.loads(sys.argv[1])
with open_store(StoreRef(**told)) as store:
    first = int(sys.argv[2])
    store.get("t", [{"id": 0}], timeout=20)
    print("ready", flush=True)
    while True:
        store.write("t", numbers(first, first + 37), ["id"])
        first += 30
"""


@pytest.fixture(scope="module")
def node(spare):
    return spare("couchbase")


@pytest.fixture
def ref(node, tmp_path):
    settings = {
        "hosts": [node.address],
        "bucket": node.options["bucket"],
        "scope": f"t_{random.randrange(10**9)}",
    }
    return store_ref(node, settings, tmp_path)


@pytest.fixture
def store(ref):
    with open_store(ref) as opened:
        yield opened


def killed(node):
    """Ends the server and brings it back, empty."""
    root = Path(node.folder).parent
    life.kill("couchbase", root)
    life.start("couchbase", root)


def test_a_store_meets_a_server_that_came_back(store, node):
    fill(store, "before", numbers(0, 20))
    killed(node)
    fill(store, "after", numbers(0, 20))
    assert sorted(row["id"] for row in read(store, "after", 2)) == list(range(20))


def test_writes_across_kills_end_with_a_reason_and_what_is_there_is_whole(store, node):
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    stop = threading.Event()

    def kill_now_and_then():
        for _ in range(CYCLES):
            time.sleep(random.uniform(0.1, 0.6))
            killed(node)
        stop.set()

    killer = threading.Thread(target=kill_now_and_then)
    killer.start()
    reasons = set()
    while not stop.is_set():
        try:
            store.ensure_table("t", numbers(0, 1).schema, ["id"])
            store.write("t", numbers(0, 200), ["id"])
        except StageError as error:
            reasons.add(error.reason)
    killer.join()
    assert reasons <= {"StoreUnreachable", "ReferenceMissing", "SnapshotExpired"}
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    assert store.write("t", numbers(0, 200), ["id"]).written == 200
    assert sorted(row["id"] for row in read(store, "t", 3)) == list(range(200))


@pytest.mark.timeout(180)
def test_a_scan_sees_every_document_of_writers_that_were_killed(store, ref):
    """The keys are known, so each document that is there can be asked for: a scan has to give just these."""
    store.ensure_table("t", numbers(0, 1).schema, ["id"])
    told = {"name": ref.name, "type": ref.type, "settings": ref.settings, "secrets": ref.secrets}
    for turn in range(WRITERS):
        command = [sys.executable, "-c", _WRITER, json.dumps(told), str(turn * 100)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout.readline() == "ready\n"
            time.sleep(random.uniform(0.0, 0.3))
            writer.send_signal(signal.SIGKILL)
        found = sorted(row["id"] for row in read(store, "t", 1 + turn % 3))
        most = max(found, default=0) + 100
        answers = store.get("t", [{"id": one} for one in range(most)], timeout=20)
        assert found == [row["id"] for row in answers if row is not None]
    assert len(found) > WRITERS
