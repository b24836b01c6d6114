"""The consumer of a topic is killed with SIGKILL at random moments: rows == distinct keys, none lost, none double."""

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.project import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

STAGE = Path(sys.executable).with_name("forebay-stage")
VERIFIER = Path(__file__).parents[2] / "scripts" / "verify_ingest.py"
RECORDS, KEYS, KILLS = 24_000, 5_000, 6
POISON = 97  # each record of this number is poison


class Consumer:
    """A stage's process, as often as it is started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.bus = StoreRef("bus", "embedded", {"path": str(folder / "bus.db")})
        self.file = folder / "etc/forebay/stage/stage.json"
        self.file.parent.mkdir(parents=True)
        (folder / "dev").mkdir()
        local = StoreRef(
            "local", "embedded", {"path": str(folder / "local.db")}, {"rowsPerSecond": 6000}
        )
        spec = {
            "mode": "stream",
            "from": {"storeRef": {"name": "bus"}, "topic": "tx"},
            "to": {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"]},
            "delivery": {"guarantee": "EffectivelyOnce", "deadLetter": {"topic": "tx.dlq"}},
        }
        run = RunRef("run", "uid", "default", "payments")
        stores = {"bus": self.bus, "local": local}
        document = StageDocument("stream", run, {"ingest": spec}, stores, "local")
        self.file.write_text(document.to_json())

    def start(self) -> subprocess.Popen:
        log = (self.folder / "log").open("a")
        with log:
            return subprocess.Popen(
                [STAGE], stdout=log, stderr=log, env=os.environ | {"FOREBAY_ROOT": str(self.folder)}
            )

    def committed(self) -> int:
        stream = open_stream(self.bus)
        done = sum(stream.committed("default.payments", "tx").values())
        stream.close()
        return done

    def verify(self) -> tuple[int, dict]:
        """The verdict of the separate program, read from what it prints."""
        shown = subprocess.run(
            [sys.executable, VERIFIER, self.file], capture_output=True, text=True, check=False
        )
        assert shown.stdout, shown.stderr
        return shown.returncode, json.loads(shown.stdout)


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
    consumer, rng = Consumer(tmp_path), random.Random(31)
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
    wait_until(lambda: consumer.committed() == RECORDS, timeout=120)
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=30) == 0
    code, counts = consumer.verify()
    poison = len(range(0, RECORDS, POISON))
    assert (counts["produced"], counts["deadLetters"]) == (RECORDS, poison)
    assert counts["rows"] == counts["distinctKeys"]
    assert {counts[name] for name in ("lost", "duplicated", "foreign", "stale")} == {0}
    assert code == 0


def test_the_verifier_finds_what_is_lost_and_what_is_stale(tmp_path):
    consumer = Consumer(tmp_path)
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
