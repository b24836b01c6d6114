"""Compares a topic with the table that was made of it: `python scripts/verify_ingest.py STAGE.json`.

STAGE.json is the stage document that the ingest was given, so any stream and any store can be looked at (credentials
as the stage finds them, below FOREBAY_ROOT). It shares no code with the ingest but the adapters: it reads the whole
topic with Python's own JSON, keeps the last record of each key, leaves out what has a dead letter, and scans the
table. Prints one JSON object; exits with 1 when anything is lost, double, foreign or stale. Run it while nothing is
produced and the ingest has no lag.
"""

import json
import sys
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from forebay_workloads.contract import StageDocument
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import Row, Store
from forebay_workloads.streams import open_stream
from forebay_workloads.streams.base import Record, Stream

MISSES = 10  # empty polls after which what is still missing was deleted by the broker
Places = set[tuple[int, int]]  # partition and offset


def records(stream: Stream, topic: str) -> Iterator[Record]:
    """All records of a topic, whatever was committed by anybody."""
    group = f"verify-{uuid.uuid4().hex[:8]}"
    left, misses = stream.lag(group, topic), 0
    while left > 0 and misses < MISSES:
        polled = stream.consume([topic], group, 1000, 2.0)
        misses = 0 if polled.records else misses + 1
        left -= len(polled.records)
        yield from polled.records


def letters(document: StageDocument, block: Mapping[str, Any]) -> tuple[Places, int]:
    """Places of the source's records that have a dead letter, and how many letters there are."""
    place = (block.get("delivery") or {}).get("deadLetter")
    if not place:
        return set(), 0
    ref = document.stores[(place.get("storeRef") or block["from"]["storeRef"])["name"]]
    if place.get("table"):
        rows = table(open_store(ref), place["table"])
        return {(row["partition"], row["offset"]) for row in rows}, len(rows)
    stream = open_stream(ref)
    found = [
        (int(one.headers["forebay.partition"]), int(one.headers["forebay.offset"]))
        for one in records(stream, place["topic"])
        if one.headers.get("forebay.topic") == block["from"]["topic"].encode()
    ]
    stream.close()
    return set(found), len(found)


def table(store: Store, name: str) -> list[Row]:
    """All rows; closes the store."""
    with store:
        parts = store.splits(store.snapshot(name), 1)
        return [row for part in parts for batch in store.scan(part) for row in batch.to_pylist()]


def compare(document: StageDocument) -> dict[str, int]:
    """The counts."""
    block = document.spec["ingest"]
    key = [*(block["to"].get("key") or ()), *(block["to"].get("clustering") or ())]
    dead, sent = letters(document, block)
    stream = open_stream(document.stores[block["from"]["storeRef"]["name"]])
    wanted: dict[tuple[Any, ...], Row] = {}
    produced = unread = 0
    for one in records(stream, block["from"]["topic"]):
        produced += 1
        if (one.partition, one.offset) in dead or one.value is None:
            continue
        try:
            row = json.loads(one.value)
            wanted[tuple(row[name] for name in key)] = row
        except (ValueError, KeyError, TypeError):
            unread += 1  # no row can come of it, and nobody has a letter of it
    stream.close()
    rows = table(open_store(document.stores[block["to"]["storeRef"]["name"]]), block["to"]["table"])
    there = {tuple(row[name] for name in key): row for row in rows}
    stale = [k for k, row in wanted.items() if k in there and differs(row, there[k])]
    return {
        "produced": produced,
        "distinctKeys": len(wanted),
        "rows": len(rows),
        "lost": len(wanted.keys() - there.keys()) + unread,
        "duplicated": len(rows) - len(there),
        "foreign": len(there.keys() - wanted.keys()),
        "stale": len(stale),
        "deadLetters": len(dead),
        "deadLettersSent": sent,
    }


def differs(row: Row, kept: Row) -> bool:
    """Whether a column of the table has another value than the newest record."""
    return any(kept.get(name) != value for name, value in row.items() if name in kept)


def main() -> int:
    """Prints the counts."""
    counts = compare(StageDocument.from_json(Path(sys.argv[1]).read_text(encoding="utf-8")))
    print(json.dumps(counts))
    return int(any(counts[name] for name in ("lost", "duplicated", "foreign", "stale")))


if __name__ == "__main__":
    sys.exit(main())
