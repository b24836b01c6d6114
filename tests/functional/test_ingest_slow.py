"""A topic that is far ahead of a slow sink: what waits stays in the topic, not in memory."""

import json
import signal
import time
from pathlib import Path

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.consumer import Consumer
from tests.functional.project import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

RECORDS, RATE = 40_000, 400  # 2 KB each: 80 MB wait
MIB = 1 << 10  # in the kB of /proc


def resident(process) -> int:
    """kB of memory."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


def test_F39_a_slow_sink_keeps_memory_flat_and_a_stop_is_heard(tmp_path):
    bus = StoreRef("bus", "embedded", {"path": str(tmp_path / "bus.db")})
    sink = StoreRef(
        "local", "embedded", {"path": str(tmp_path / "local.db")}, {"rowsPerSecond": RATE}
    )
    consumer = Consumer(tmp_path, bus, sink)
    consumer.prepare()
    stream = open_stream(bus)
    for start in range(0, RECORDS, 5_000):
        numbers = range(start, start + 5_000)
        stream.produce("tx", [json.dumps({"id": n, "x": "x" * 2000}).encode() for n in numbers])
    stream.close()
    process = consumer.start()
    wait_until(lambda: consumer.committed() > 2 * RATE, timeout=60)
    before, done, started = resident(process), consumer.committed(), time.monotonic()
    time.sleep(6)
    assert resident(process) - before < 24 * MIB
    rate = (consumer.committed() - done) / (time.monotonic() - started)
    assert rate < 1.5 * RATE
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0
    assert consumer.committed() < RECORDS
