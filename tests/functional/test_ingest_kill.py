"""The consumer of a topic is killed with SIGKILL at random moments: rows == distinct keys, none lost, none double."""

import json
import os
import random
import signal
import threading
import time

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.consumer import Consumer
from tests.functional.project import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("FOREBAY_TEST_CYCLES", "6"))  # make soak: 200
RECORDS, KEYS = 4_000 * KILLS, 5_000
POISON = 97  # each record of this number is poison


def consumer_in(folder) -> Consumer:
    """On an embedded broker and store, no faster than a test can kill it in its middle."""
    bus = StoreRef("bus", "embedded", {"path": str(folder / "bus.db")})
    limits = {"rowsPerSecond": 6000}
    sink = StoreRef("local", "embedded", {"path": str(folder / "local.db")}, limits)
    made = Consumer(folder, bus, sink)
    made.prepare()
    return made


def produce(consumer: Consumer, rng: random.Random, pause: float) -> None:
    stream = open_stream(consumer.bus)
    for start in range(0, RECORDS, 500):
        numbers = range(start, start + 500)
        keys = [rng.randrange(KEYS) for _ in numbers]
        values = [
            b'{"id": ' if n % POISON == 0 else json.dumps({"id": k, "n": n, "x": n / 4}).encode()
            for n, k in zip(numbers, keys, strict=True)
        ]
        stream.produce("tx", values, [str(key).encode() for key in keys])
        time.sleep(pause)
    stream.close()


def test_F31_kill_9_at_random_moments_loses_nothing_and_doubles_nothing(tmp_path):
    consumer, rng = consumer_in(tmp_path), random.Random(31)
    producer = threading.Thread(target=produce, args=(consumer, rng, 0.05))
    producer.start()
    for _ in range(KILLS):
        before = consumer.committed()
        process = consumer.start()
        wait_until(lambda b=before: consumer.committed() > b, timeout=60)
        time.sleep(rng.random() * 0.4)
        process.send_signal(signal.SIGKILL)
        process.wait()
    producer.join()
    assert consumer.committed() < RECORDS  # the last kill, too, came in the middle
    process = consumer.start()
    wait_until(lambda: consumer.committed() == RECORDS, timeout=600)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    code, counts = consumer.verify()
    poison = len(range(0, RECORDS, POISON))
    assert (counts["produced"], counts["deadLetters"]) == (RECORDS, poison)
    assert counts["rows"] == counts["distinctKeys"]
    assert {counts[name] for name in ("lost", "duplicated", "foreign", "stale")} == {0}
    assert code == 0


def test_the_verifier_finds_what_is_lost_and_what_is_stale(tmp_path):
    consumer = consumer_in(tmp_path)
    stream = open_stream(consumer.bus)
    stream.produce("tx", [b'{"id": 1, "n": 1}', b'{"id": 2, "n": 2}'])
    process = consumer.start()
    wait_until(lambda: consumer.committed() == 2, timeout=60)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    assert consumer.verify()[0] == 0
    stream.produce("tx", [b'{"id": 2, "n": 3}', b'{"id": 3, "n": 4}', b"rubbish"])
    stream.close()
    code, counts = consumer.verify()
    assert code == 1
    assert (counts["lost"], counts["stale"], counts["rows"]) == (2, 1, 2)
