"""Good records per second of an ingest, with and without poison: `python benchmarks/ingest/run.py [RECORDS]`.

Topic and table are embedded, in a folder of their own; each case is a process of its own, and the cases take turns.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from forebay_workloads import ingest
from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.stage import Stage

ROUNDS = 3
SHARES = (0.0, 0.01, 0.1)  # of poison
POISON = (
    b'{"id": 1,',
    b'{"id": 1, "city": "\xff"}',
    b"",
    b'{"id": 1, "amount": NaN}',
    b'{"id": 1, "id": 2}',
    b"[" * 10_000,
    b'{"id": "text"}',
)


def document(folder):
    """A batch ingest of a topic."""
    stores = {
        "bus": StoreRef("bus", "embedded", {"path": f"{folder}/bus.db"}),
        "local": StoreRef("local", "embedded", {"path": f"{folder}/local.db"}),
        "work": StoreRef("work", "files", {"url": f"{folder}/work"}),
    }
    block = {
        "from": {"storeRef": {"name": "bus"}, "topic": "tx"},
        "to": {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"]},
        "delivery": {"deadLetter": {"topic": "tx.dlq"}},
    }
    run = RunRef("bench", "bench", "default", "bench")
    return StageDocument("ingest", run, {"ingest": block}, stores, "work")


def good(number):
    """A payment, about 200 bytes."""
    return json.dumps(
        {
            "id": number,
            "card": f"card-{number % 9973}",
            "amount": number % 1000 / 4,
            "time": "2026-01-31T12:00:00Z",
            "merchant": {"name": "Corner shop", "city": "Ulm"},
            "flags": [number % 2, number % 3],
            "note": "x" * 40,
        }
    ).encode()


def one(count, share):
    """Good records per second and dead letters, of one run."""
    with tempfile.TemporaryDirectory() as folder, Stage(document(folder)) as stage:
        every = round(1 / share) if share else 0
        values = []
        for number in range(count):
            values.append(good(number))
            if every and number % every == 0:
                values.append(POISON[number // every % len(POISON)])
        bus = stage.stream("bus")
        for start in range(0, len(values), 10_000):
            bus.produce("tx", values[start : start + 10_000])
        started = time.perf_counter()
        cpu = time.process_time()
        rows = ingest.run(stage).rows
        seconds = time.perf_counter() - started
        if rows["written"] != count:
            raise SystemExit(f"{rows} instead of {count} rows")
        return {
            "share": share,
            "goodPerSecond": round(count / seconds),
            "cpuSecondsPerMillion": round((time.process_time() - cpu) / count * 1e6, 1),
            "deadLetters": rows["failed"],
        }


def main():
    """All cases in turn; the median of each, and its ratio to the one without poison."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
    if len(sys.argv) > 2:
        print(json.dumps(one(count, float(sys.argv[2]))))
        return
    found = {share: [] for share in SHARES}
    for _ in range(ROUNDS):
        for share in SHARES:
            command = [sys.executable, __file__, str(count), str(share)]
            shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
            found[share].append(json.loads(shown.splitlines()[-1]))
    base = statistics.median(case["goodPerSecond"] for case in found[0.0])
    print(f"{count:,} good records, {Path(__file__).name}, median of {ROUNDS}")
    print("poison   good records/s   of the clean run   CPU s per million   dead letters")
    for share, cases in found.items():
        rate = statistics.median(case["goodPerSecond"] for case in cases)
        cpu = statistics.median(case["cpuSecondsPerMillion"] for case in cases)
        letters = cases[0]["deadLetters"]
        print(f"{share:6.0%} {rate:16,.0f} {rate / base:18.2f} {cpu:19.1f} {letters:14,}")


if __name__ == "__main__":
    main()
