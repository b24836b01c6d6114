"""What the pod of an ingest tells: figures for Prometheus, whether it lives, whether it can work."""

from __future__ import annotations

import math
import re
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from forebay_workloads.contract import RunRef, StageDocument
from forebay_workloads.errors import RetryableError
from forebay_workloads.ingest import circuit, endpoint, figures, held, stream
from forebay_workloads.ingest import loop as looping
from forebay_workloads.ingest.endpoint import Endpoint
from forebay_workloads.ingest.meter import Meter
from forebay_workloads.ingest.room import Room
from forebay_workloads.ingest.vitals import HANG, OUTAGE, Vitals
from forebay_workloads.stage import Stage

from .topics import Wrapped, document, ingest, letters, loop, produce

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(forebay_ingest_\w+)` \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(looping, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(held, "FIRST", 0.0)
    monkeypatch.setattr(circuit, "PAUSE", 0.01)


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def vitals(clock):
    return Vitals(clock)


def shown(meter, now=2000.0):
    """Sample → value, as a client of Prometheus reads the page."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(figures.exposition(meter, now))
        for sample in family.samples
    }


def get(port, path):
    """Status and text."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_the_page_lists_every_figure_with_its_label_and_its_own_sentence():
    told = {
        (name, label.strip(), text.strip()) for name, label, text in ROW.findall(PAGE.read_text())
    }
    assert told == {(one.name, one.label, one.text) for one in figures.FIGURES}


def test_the_times_of_the_page_are_those_of_the_code():
    text = PAGE.read_text()
    assert f"{HANG / 60:.0f} minutes" in text
    assert f"{OUTAGE / 60:.0f} minutes" in text


def test_before_the_first_record_nothing_is_made_up(clock):
    found = shown(Meter("stream", clock, clock))
    assert found["forebay_ingest_records_total",] == 0
    assert math.isnan(found["forebay_ingest_lag_records",])
    assert math.isnan(found["forebay_ingest_last_commit_age_seconds",])


def test_an_ingest_counts_what_it_did_and_what_went_wrong(tmp_path):
    class Throttling(Wrapped):
        left = 1

        def write(self, *args, **more):
            if self.left:
                Throttling.left -= 1
                raise RetryableError("StoreThrottled", "too much")
            return self.inner.write(*args, **more)

    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1}, None, b"rubbish", {"id": 2})
        meter = loop(stage, target=Throttling).run()
        assert len(letters(stage)) == 1
    found = shown(meter, meter.last_commit + 5)
    assert {name[0]: value for name, value in found.items() if value} == {
        "forebay_ingest_records_total": 4,
        "forebay_ingest_rows_total": 2,
        "forebay_ingest_dead_letters_total": 1,
        "forebay_ingest_tombstones_total": 1,
        "forebay_ingest_batches_total": 1,
        "forebay_ingest_batch_seconds_total": meter.spent,
        "forebay_ingest_last_commit_age_seconds": 5,
        "forebay_ingest_throttled_seconds_total": meter.throttled,
        "forebay_ingest_troubles_total": 1,
    }
    assert found["forebay_ingest_troubles_total", "StoreThrottled"] == 1
    assert meter.spent >= meter.throttled > 0


def test_it_is_paused_while_the_broker_is_away_and_goes_on_after(tmp_path):
    paused = []

    class Away(Wrapped):
        left = 2

        def consume(self, *args):
            paused.append((running.meter.paused, running.vitals.unready()))
            if Away.left:
                Away.left -= 1
                raise RetryableError("StoreUnreachable", "gone")
            return self.inner.consume(*args)

    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1})
        running = loop(stage, stream=lambda: Away(stage.stream("bus")))
        running.run()
    assert paused[:3] == [
        (False, "Starting"),
        (True, "StoreUnreachable"),
        (True, "StoreUnreachable"),
    ]
    assert (running.meter.paused, running.vitals.unready()) == (False, None)


def test_a_loop_that_hangs_is_dead_and_one_that_waits_on_purpose_is_not(clock, vitals):
    vitals.well()
    clock.now += HANG - 1
    assert vitals.dead() is None
    vitals.step()  # an empty poll, a pause
    clock.now += HANG + 1
    assert vitals.dead() == "no step for 601 s"
    assert vitals.unready() == vitals.dead()


def test_a_store_that_is_away_makes_it_unready_at_once_and_dead_only_after_the_documented_time(
    clock, vitals
):
    assert (vitals.dead(), vitals.unready()) == (None, "Starting")
    vitals.well()
    began = clock.now
    while clock.now <= began + OUTAGE:
        vitals.failed("StoreUnreachable")
        assert (vitals.dead(), vitals.unready()) == (None, "StoreUnreachable")
        clock.now += 30
    assert "StoreUnreachable" in vitals.dead()
    vitals.well()
    assert (vitals.dead(), vitals.unready()) == (None, None)


def test_an_empty_topic_is_no_reason_to_die(tmp_path, clock):
    with ingest(tmp_path) as stage:
        produce(stage, {"id": 1})
        running = loop(stage)
        running.run()
        vitals = running.vitals = Vitals(clock)
        clock.now += 2 * OUTAGE
        assert vitals.dead()
        running.run()
    assert (vitals.dead(), vitals.unready()) == (None, None)


def test_a_flood_of_rubbish_pauses_it_and_leaves_it_alive_and_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(circuit, "THRESHOLD", 10)
    with Stage(document(tmp_path, mode="stream")) as stage:
        produce(stage, *[b"rubbish"] * 100)
        running = loop(stage)
        running._to_the_end = False
        thread = threading.Thread(target=running.run)
        thread.start()
        while not running.meter.paused:
            stage.stopping.wait(0.01)
        assert (running.vitals.dead(), running.vitals.unready()) == (None, None)
        stage.stopping.set()
        thread.join()


def test_the_endpoint_answers_probes_and_prometheus_and_nothing_else(clock, vitals):
    with Endpoint(Meter("stream", clock, clock), vitals, print, 0, "127.0.0.1") as running:
        assert get(running.port, "/livez") == (200, "ok\n")
        assert get(running.port, "/readyz") == (503, "Starting\n")
        vitals.well()
        assert get(running.port, "/readyz?verbose=1") == (200, "ok\n")
        status, text = get(running.port, "/metrics")
        assert (status, text.count("# TYPE")) == (200, len(figures.FIGURES))
        assert get(running.port, "/")[0] == 404
        clock.now += HANG + 1
        assert get(running.port, "/livez")[0] == 503


def test_the_endpoint_listens_on_all_addresses_of_a_pod(clock, vitals):
    with Endpoint(Meter("stream", clock, clock), vitals, print, 0) as running:
        assert get(running.port, "/livez")[0] == 200


def test_a_port_that_is_taken_is_said_and_stops_nothing(clock, vitals):
    said = []
    with (
        Endpoint(Meter("stream", clock, clock), vitals, print, 0, "127.0.0.1") as first,
        Endpoint(
            Meter("stream", clock, clock), vitals, said.append, first.port, "127.0.0.1"
        ) as other,
    ):
        assert other.port is None
    assert f"port {first.port}" in said[0]


def test_processes_that_share_ports_take_only_the_one_that_they_were_given(monkeypatch):
    monkeypatch.delenv("FOREBAY_ROOT", raising=False)
    monkeypatch.delenv("FOREBAY_PORT_METRICS", raising=False)
    assert endpoint.wished_port() == 8080
    monkeypatch.setenv("FOREBAY_ROOT", "/somewhere")
    assert endpoint.wished_port() is None
    monkeypatch.setenv("FOREBAY_PORT_METRICS", "18080")
    assert endpoint.wished_port() == 18080


def test_the_stage_answers_while_it_runs_also_before_its_store_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(endpoint, "wished_port", lambda: 0)
    monkeypatch.setattr(stream, "wished_port", lambda: 0)
    monkeypatch.setenv("FOREBAY_HOST", "127.0.0.1")
    made, seen = [], []

    class Noting(Endpoint):
        def __enter__(self):
            made.append(self)
            return super().__enter__()

    def feed(stage, block):
        seen.append(get(made[0].port, "/readyz"))
        if len(seen) == 1:
            raise RetryableError("StoreUnreachable", "not yet")
        stage.stopping.set()
        raise RetryableError("StoreUnreachable", "not yet")

    monkeypatch.setattr(stream, "Endpoint", Noting)
    monkeypatch.setattr(stream.Feed, "of", feed)
    doc = document(tmp_path, mode="stream")
    run = RunRef("payments", "uid", "default", "payments", "stream")
    with Stage(StageDocument("stream", run, doc.spec, doc.stores, "workspace")) as stage:
        stream.run(stage)
    assert seen == [(503, "Starting\n"), (503, "StoreUnreachable\n")]


def test_a_slow_store_gets_batches_that_end_in_time():
    room = Room()
    room.took(64, 640.0)
    assert room.records(5_000) == 3
    room.took(3, 0.3)
    assert room.records(5_000) == 64
