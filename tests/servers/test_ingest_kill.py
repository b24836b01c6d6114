"""Kafka → Cassandra while consumer, broker and store are killed in turn: rows == distinct keys, none lost, none double.

FOREBAY_TEST_CYCLES says how often (30; `make soak`: 200). At the end it prints the counts of the verifier.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from harness.servers import life
from harness.servers.kafka import client_settings

from tests.functional.consumer import Consumer
from tests.functional.project import wait_until

from .kit.cassandra import Keyspaces
from .kit.kafka import Topics

CYCLES = int(os.environ.get("FOREBAY_TEST_CYCLES", "30"))
KEYS = 20_000
POISON = 997  # each record of this number is poison
RATE = 400  # records a second
TURNS = ("consumer", "consumer", "consumer", "kafka", "cassandra")  # a server needs its seconds

pytestmark = pytest.mark.timeout(120 + 60 * CYCLES)


@pytest.fixture
def consumer(spare, tmp_path, monkeypatch):
    kafka, cassandra = spare("kafka"), spare("cassandra")
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    monkeypatch.setenv("FOREBAY_ROOT", str(tmp_path))
    with ExitStack() as stack:
        topics = stack.enter_context(Topics(kafka, secrets))
        keyspaces = stack.enter_context(Keyspaces(cassandra, secrets))
        prefix = topics.prefix()
        bus, sink = (
            replace(ref, secrets=f"/secrets/{Path(ref.secrets).name}")
            for ref in (topics.ref(), keyspaces.new())
        )
        topic, dead = topics.make(f"{prefix}tx", 3), topics.make(f"{prefix}dead")
        made = Consumer(tmp_path, bus, sink, topic, dead, prefix.strip("-"))
        made.prepare()
        yield made, {"kafka": kafka, "cassandra": cassandra}


class Feeder(threading.Thread):
    """Produces at a steady rate until it is told to stop; a broker that is away is waited for."""

    def __init__(self, server, topic: str) -> None:
        super().__init__()
        settings = client_settings(server)
        self._producer = Producer({**settings, "enable.idempotence": True, "message.timeout.ms": 0})
        self._topic, self._ending = topic, threading.Event()
        self.count = self.poison = 0

    def run(self) -> None:
        rng = random.Random(31)
        while not self._ending.wait(0.05):
            for _ in range(RATE // 20):
                self._one(rng.randrange(KEYS))
            self._producer.poll(0)

    def _one(self, key: int) -> None:
        self.count += 1
        value = json.dumps({"id": key, "n": self.count, "x": self.count / 4}).encode()
        if self.count % POISON == 0:
            self.poison, value = self.poison + 1, b'{"id": '
        self._producer.produce(self._topic, value, str(key).encode())

    def end(self) -> None:
        self._ending.set()
        self.join()
        assert self._producer.flush(120) == 0, "each record was acknowledged"


def test_F31_consumer_broker_and_store_are_killed_in_turn(consumer):
    consumer, servers = consumer
    rng = random.Random(CYCLES)
    feeder = Feeder(servers["kafka"], consumer.topic)
    feeder.start()
    process, killed = consumer.start(), dict.fromkeys(TURNS, 0)
    for cycle in range(CYCLES):
        time.sleep(rng.uniform(0.1, 4))
        what = TURNS[cycle % len(TURNS)]
        killed[what] += 1
        if what == "consumer":
            process.send_signal(signal.SIGKILL)
            process.wait()
            process = consumer.start()
        else:
            root = Path(servers[what].folder).parent
            life.kill(what, root)
            life.start(what, root)
        assert process.poll() is None, (consumer.folder / "log").read_text()[-2000:]
    feeder.end()
    wait_until(lambda: consumer.committed() >= feeder.count, timeout=300)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    code, counts = consumer.verify()
    sys.stdout.write(f"{json.dumps({'killed': killed, **counts})}\n")
    assert (counts["produced"], counts["deadLetters"]) == (feeder.count, feeder.poison)
    assert counts["rows"] == counts["distinctKeys"]
    assert {counts[name] for name in ("lost", "duplicated", "foreign", "stale")} == {0}
    assert code == 0
