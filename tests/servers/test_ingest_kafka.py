"""Topic of a real broker → table: the consumer and the broker are killed, letters have no place, poison has one."""

import functools
import json
import random
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import pytest
from harness.servers import life

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import RetryableError
from forebay_workloads.streams import open_stream
from tests.functional.consumer import Consumer
from tests.functional.project import wait_until

from .kit.kafka import Topics

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RECORDS, KEYS, CYCLES, POISON = 20_000, 4_000, 4, 101


@pytest.fixture(scope="module")
def broker(spare):
    """A broker that these tests may kill."""
    return spare("kafka")


@pytest.fixture
def place(broker, tmp_path, secrets):
    """The consumer's folder, the broker as the test reaches it, and a way to make topics."""
    with Topics(broker, secrets) as topics:
        ref = topics.ref()
        folder = tmp_path / "pod"
        inside = ref
        if ref.secrets:
            target = folder / "etc/forebay/secrets/kafka"
            target.mkdir(parents=True)
            for file in Path(ref.secrets).iterdir():
                (target / file.name).write_text(file.read_text())
            inside = replace(ref, secrets="/etc/forebay/secrets/kafka")
        folder.mkdir(exist_ok=True)
        sink = StoreRef(
            "local", "embedded", {"path": str(folder / "local.db")}, {"rowsPerSecond": 6000}
        )

        def made(topic):
            consumer = Telling(folder, inside, sink, topic, f"{topic}.dlq", f"n-{topic}")
            consumer.prepare()
            return consumer

        yield topics, ref, made


class Telling(Consumer):
    """A consumer that leaves its progress in a file, and answers on a port."""

    def environment(self):
        told = {"FOREBAY_PROGRESS": str(self.folder / "progress")}
        asked = {"FOREBAY_PORT_METRICS": str(self.port), "FOREBAY_HOST": "127.0.0.1"}
        return super().environment() | told | asked

    @functools.cached_property
    def port(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def answer(self, path):
        """Status and text; None while nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as said:
                return said.status, said.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return None

    def said(self):
        file = self.folder / "progress"
        return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def killed(broker):
    root = Path(broker.folder).parent
    life.kill("kafka", root)
    life.start("kafka", root)


def lag(ref, consumer):
    """Records that are not committed; None while the broker is away."""
    try:
        stream = open_stream(ref)
        try:
            return stream.lag(consumer.group, consumer.topic)
        finally:
            stream.close()
    except RetryableError:
        return None


def produce(ref, topic, rng):
    """All records; what the broker did not acknowledge is sent again, as producers do."""
    stream = open_stream(ref)
    for start in range(0, RECORDS, 500):
        keys = [rng.randrange(KEYS) for _ in range(500)]
        values = [
            b'{"id": ' if (start + n) % POISON == 0 else json.dumps({"id": k, "n": start + n}).encode()
            for n, k in enumerate(keys)
        ]  # fmt: skip
        while True:
            try:
                stream.produce(topic, values, [str(key).encode() for key in keys])
                break
            except RetryableError:
                time.sleep(0.5)
        time.sleep(0.05)
    stream.close()


def test_F30_F31_kills_of_consumer_and_broker_lose_nothing_and_double_nothing(broker, place):
    topics, ref, made = place
    topic = topics.make(f"{topics.prefix()}tx", 3)
    topics.make(f"{topic}.dlq", 1)
    consumer, rng = made(topic), random.Random(30)
    producer = threading.Thread(target=produce, args=(ref, topic, rng))
    producer.start()
    for cycle in range(CYCLES):
        process = consumer.start()
        before = len(consumer.said())
        wait_until(lambda b=before: any(p.get("rows") for p in consumer.said()[b:]), timeout=90)
        time.sleep(rng.random())
        if cycle % 2:
            killed(broker)
            time.sleep(rng.random() * 3)
        process.send_signal(signal.SIGKILL)
        process.wait()
    producer.join()
    process = consumer.start()
    wait_until(lambda: lag(ref, consumer) == 0, timeout=180, every=1.0)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    code, counts = consumer.verify()
    assert counts["produced"] >= RECORDS
    assert counts["deadLetters"] >= len(range(0, RECORDS, POISON))
    assert counts["rows"] == counts["distinctKeys"]
    assert {counts[name] for name in ("lost", "duplicated", "foreign", "stale")} == {0}, counts
    assert code == 0


def test_F34_a_dead_letter_topic_that_is_missing_stops_the_partition_until_it_is_there(place):
    topics, ref, made = place
    topic = topics.make(f"{topics.prefix()}tx", 2)
    stream = open_stream(ref)
    stream.produce(topic, [b'{"id": 1}', b"rubbish", b'{"id": 2}'], [b"k"] * 3)
    consumer = made(topic)
    process = consumer.start()
    wait_until(lambda: any(p.get("reason") for p in consumer.said()), timeout=90)
    last = next(p for p in reversed(consumer.said()) if p.get("reason"))
    assert last["reason"] == "ReferenceMissing"
    assert "stands at offset 1" in last["message"]
    assert stream.lag(consumer.group, topic) == 3
    topics.make(f"{topic}.dlq", 1)
    wait_until(lambda: stream.lag(consumer.group, topic) == 0, timeout=90, every=0.5)
    stream.close()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
    code, counts = consumer.verify()
    assert (code, counts["rows"], counts["deadLetters"]) == (0, 2, 1)


def test_a_broker_that_is_away_makes_it_unready_and_leaves_it_alive(broker, place):
    topics, ref, made = place
    topic = topics.make(f"{topics.prefix()}tx", 1)
    topics.make(f"{topic}.dlq", 1)
    consumer, root = made(topic), Path(broker.folder).parent
    process = consumer.start()
    wait_until(lambda: consumer.answer("/readyz") == (200, "ok\n"), timeout=90, every=0.2)
    life.kill("kafka", root)
    wait_until(
        lambda: consumer.answer("/readyz") == (503, "StoreUnreachable\n"), timeout=90, every=0.5
    )
    assert consumer.answer("/livez") == (200, "ok\n")
    _, text = consumer.answer("/metrics")
    assert "\nforebay_ingest_paused 1\n" in text
    assert 'forebay_ingest_troubles_total{reason="StoreUnreachable"}' in text
    life.start("kafka", root)
    stream = open_stream(ref)
    stream.produce(topic, [b'{"id": 1}', None])
    stream.close()
    wait_until(
        lambda: "\nforebay_ingest_records_total 2\n" in consumer.answer("/metrics")[1], timeout=90
    )
    wait_until(lambda: consumer.answer("/readyz") == (200, "ok\n"), timeout=60, every=0.2)
    assert "\nforebay_ingest_paused 0\n" in consumer.answer("/metrics")[1]
    assert "\nforebay_ingest_rows_total 1\n" in consumer.answer("/metrics")[1]
    assert "\nforebay_ingest_tombstones_total 1\n" in consumer.answer("/metrics")[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=60) == 0
