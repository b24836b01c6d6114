"""A stage on an embedded broker and store in a folder, for the tests of ingesting topics."""

from __future__ import annotations

import json

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.ingest.feed import Feed
from forebay_workloads.ingest.letters import TopicLetters
from forebay_workloads.ingest.loop import Loop
from forebay_workloads.stage import Stage
from forebay_workloads.streams import open_stream


def document(folder, mode="batch", limits=None, key=("id",), **block):
    """The stage document; `block` adds to spec.ingest."""
    stores = {
        "bus": StoreRef("bus", "embedded", {"path": str(folder / "bus.db")}),
        "local": StoreRef("local", "embedded", {"path": str(folder / "local.db")}, limits or {}),
        "files": StoreRef("files", "files", {"url": str(folder / "files")}),
        "workspace": StoreRef("workspace", "files", {"url": str(folder / "work")}),
    }
    to = {"storeRef": {"name": "local"}, "table": "tx"} | ({"key": list(key)} if key else {})
    spec = {
        "mode": mode,
        "from": {"storeRef": {"name": "bus"}, "topic": "tx"},
        "to": to,
        "delivery": {"deadLetter": {"topic": "tx.dlq"}},
        **block,
    }
    run = RunRef("run-1", "uid-1", "default", "payments")
    return StageDocument("ingest", run, {"ingest": spec}, stores, "workspace")


def ingest(folder, **block):
    return Stage(document(folder, **block))


def produce(stage, *values, key=None):
    """Records of the topic: objects as JSON, bytes as they are; all of one partition when `key` is given."""
    raw = [v if v is None or isinstance(v, bytes) else json.dumps(v).encode() for v in values]
    stage.stream("bus").produce("tx", raw, None if key is None else [key] * len(raw))


def rows(stage, table="tx"):
    store = stage.store("local")
    parts = store.splits(store.snapshot(table), 1)
    return [row for part in parts for batch in store.scan(part) for row in batch.to_pylist()]


def letters(stage, topic="tx.dlq"):
    """The dead letters as (value, headers as text), in the order of the source."""
    found = stage.stream("bus").consume([topic], "test", 10_000, 0.01).records
    texts = [(one.value, {n: v.decode() for n, v in one.headers.items()}) for one in found]
    return sorted(
        texts, key=lambda one: (one[1]["forebay.partition"], int(one[1]["forebay.offset"]))
    )


def loop(stage, *, stream=None, place=None, target=None):
    """A loop of mode batch; its parts can be replaced by ones that fail."""
    feed = Feed.of(stage, stage.doc.spec["ingest"])
    if target is not None:
        feed = Feed(**{**feed.__dict__, "target": target(feed.target)})
    ref = stage.ref("bus")
    made = place or TopicLetters(stage.stream("bus"), "tx.dlq", feed.group, lambda: 1000.0)
    return Loop(stage, feed, stream or (lambda: open_stream(ref)), made, to_the_end=True)


class Wrapped:
    """A stream or store of which a test replaces some methods."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)
