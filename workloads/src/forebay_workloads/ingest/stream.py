"""Topic → table: puts together consumer, table, dead letters and loop.

`run` is the stage `stream`, which a Deployment keeps running: it ends on SIGTERM only. `drain` is the ingest
stage's way with a topic: to its end, once per run. Both go on after the group's committed position and are
effectively once: the same key is one row, whatever was repeated.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, RetryableError
from forebay_workloads.ingest.backoff import Backoff
from forebay_workloads.ingest.endpoint import Endpoint, wished_port
from forebay_workloads.ingest.feed import Feed
from forebay_workloads.ingest.letters import Letters, TableLetters, TopicLetters
from forebay_workloads.ingest.loop import Loop
from forebay_workloads.ingest.meter import Meter
from forebay_workloads.ingest.vitals import Vitals
from forebay_workloads.stage import Stage
from forebay_workloads.streams import open_stream


def run(stage: Stage) -> Result:
    """Moves the records of `ingest.from` as they come, until it is asked to stop.

    Raises:
        ConfigError: ReferenceMissing, FieldNotSupportedInMode, NameConflict: what the spec has wrong.
    """
    block = stage.doc.spec.get("ingest") or {}
    if block.get("mode") != "stream" or not block["from"].get("topic"):
        message = "the stage `stream` needs ingest.mode stream and ingest.from.topic"
        raise ConfigError("FieldNotSupportedInMode", message)
    meter, vitals = Meter(stage.doc.stage, time.monotonic, time.time), Vitals()
    host = os.environ.get("FOREBAY_HOST", "")
    with Endpoint(meter, vitals, stage.log, wished_port(), host):
        feed = _patiently(stage, block, vitals)
        if feed is None:
            return Result()
        return _result(_moved(stage, feed, meter, vitals))


def drain(stage: Stage, block: Mapping[str, Any]) -> Result:
    """Moves what is in the topic; writes `results/ingest.json`.

    Raises:
        ConfigError: as `run`.
        DataError: a record can be neither a row nor a dead letter.
    """
    feed = Feed.of(stage, block)
    meter = Meter(stage.doc.stage, time.monotonic, time.time)
    _moved(stage, feed, meter, Vitals(), to_the_end=True)
    stage.check_stopping()
    result = _result(meter)
    stage.workspace.write_json("results/ingest.json", _document(stage, feed, result.rows))
    return result


def _patiently(stage: Stage, block: Mapping[str, Any], vitals: Vitals) -> Feed | None:
    """The feed as soon as its store is there; None when it was asked to stop before."""
    backoff = Backoff(stage.stopping.wait)
    while True:
        try:
            return Feed.of(stage, block)
        except RetryableError as error:
            if not backoff.failures:
                stage.log(f"ingest waits: {error}")
            progress = Progress(stage.doc.stage, reason=error.reason, message=error.message)
            stage.progress(progress)
            vitals.failed(error.reason)
            if backoff.pause():
                return None


def _moved(
    stage: Stage, feed: Feed, meter: Meter, vitals: Vitals, *, to_the_end: bool = False
) -> Meter:
    ref = stage.ref(feed.source)
    stage.log(f"ingest topic {feed.topic} → {feed.table}, group {feed.group}")
    letters = _letters(stage, feed)
    Loop(
        stage,
        feed,
        lambda: open_stream(ref),
        letters,
        to_the_end=to_the_end,
        meter=meter,
        vitals=vitals,
    ).run()
    lag = "unknown" if meter.lag is None else f"{meter.lag:,}"
    stage.log(
        f"ingest {feed.topic} → {feed.table}: {meter.read:,} records read, {meter.written:,} written, "
        f"{meter.dead:,} dead letters, lag {lag}"
    )
    return meter


def _result(meter: Meter) -> Result:
    rows = {"read": meter.read, "written": meter.written, "failed": meter.dead}
    return Result(rows=rows, metrics={} if meter.lag is None else {"lag": float(meter.lag)})


def _letters(stage: Stage, feed: Feed) -> Letters | None:
    place = feed.dead_letter
    if place is None:
        return None
    name = place["storeRef"]["name"]
    if place.get("table"):
        return TableLetters(stage.store(name), place["table"], time.time)
    return TopicLetters(stage.stream(name), place["topic"], feed.group, time.time)


def _document(stage: Stage, feed: Feed, rows: Mapping[str, int]) -> dict[str, Any]:
    """What the report and the lineage need."""
    positions = stage.stream(feed.source).committed(feed.group, feed.topic)
    offsets = {str(partition): offset for (_, partition), offset in sorted(positions.items())}
    at = {"topic": feed.topic, "group": feed.group, "offsets": offsets}
    return {
        "source": {"store": feed.source, "table": feed.topic, "snapshot": {"at": at}},
        "target": {"store": feed.target_name, "table": feed.table, "key": feed.key},
        "rows": dict(rows),
    }
