"""Letters are listed, shown and replayed: each once, whatever interrupts it, and only those that are meant."""

from __future__ import annotations

import json

import pytest

from forebay_workloads import ingest as package
from forebay_workloads.contract import STAGE_FILE
from forebay_workloads.deadletters import __main__ as program
from forebay_workloads.deadletters import replay as replaying
from forebay_workloads.deadletters.place import place_of
from forebay_workloads.deadletters.replay import Choice, chosen, replay
from forebay_workloads.ingest import loop as looping

from .topics import Wrapped, document, ingest, produce, rows

TABLE = {"deadLetter": {"storeRef": {"name": "local"}, "table": "dead"}}
PLACES = [{"deadLetter": {"topic": "tx.dlq"}}, TABLE]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(looping, "POLL_SECONDS", 0.01)


def ids(stage, **choice):
    return [one.id for one in chosen(place_of(stage), Choice("tx", **choice))]


@pytest.mark.parametrize("delivery", PLACES)
def test_letters_are_told_once_though_a_crash_sent_them_twice(tmp_path, delivery):
    with ingest(tmp_path, delivery=delivery) as stage:
        assert ids(stage) == []
        produce(stage, b"one", {"id": 1}, b"two", key=b"k")
        package.run(stage)
        again = stage.doc.spec["ingest"]["from"]
        again["group"] = "another"  # as after a crash before the commit
        package.run(stage)
        (first, second) = chosen(place_of(stage), Choice("tx"))
        assert (first.value, second.value, first.attempt) == (b"one", b"two", 1)
        assert first.document(whole=True)["headers"] == {}
        assert ids(stage, ids=frozenset([second.id])) == [second.id]
        assert ids(stage, since=first.failed_at + 3_600_000) == []


@pytest.mark.parametrize("delivery", PLACES)
def test_a_replayed_record_gets_one_attempt_more_and_becomes_a_row_once_it_fits(tmp_path, delivery):
    with ingest(tmp_path, delivery=delivery) as stage:
        produce(stage, {"id": 1, "v": 1}, b"rubbish", {"id": 2, "v": "text"}, key=b"k")
        package.run(stage)
        assert len(ids(stage)) == 2
        stage.doc.spec["ingest"]["schemaPolicy"] = {"typeChange": "Ignore"}  # the cause is cured
        source = stage.stream("bus")
        assert replay(place_of(stage), source, Choice("tx"), lambda: False, lambda _: None) == 2
        assert ids(stage) == []
        assert len(ids(stage, replayed=True)) == 2
        assert replay(place_of(stage), source, Choice("tx"), lambda: False, lambda _: None) == 0
        package.run(stage)
        assert [row["id"] for row in rows(stage)] == [1, 2]
        (left,) = chosen(place_of(stage), Choice("tx"))
        assert (left.value, left.attempt) == (b"rubbish", 2)


class Interrupted(BaseException):
    """Ctrl-C or worse."""


@pytest.mark.parametrize("after", ["produce", "mark"])
def test_a_replay_that_was_killed_goes_on_and_repeats_at_most_a_chunk(tmp_path, monkeypatch, after):
    monkeypatch.setattr(replaying, "CHUNK_RECORDS", 10)

    class Dying(Wrapped):
        left = 3

        def produce(self, topic, *args):
            count = self.inner.produce(topic, *args)
            if after == "produce":
                Dying.left -= 1
                if not Dying.left:
                    raise Interrupted
            return count

        def mark(self, letters):
            self.inner.mark(letters)
            if after == "mark":
                Dying.left -= 1
                if not Dying.left:
                    raise Interrupted

    with ingest(tmp_path) as stage:
        produce(stage, *[b"rubbish %d" % i for i in range(95)])
        package.run(stage)
        bus = stage.stream("bus")
        place = place_of(stage)
        with pytest.raises(Interrupted):
            replay(Dying(place), Dying(bus), Choice("tx"), lambda: False, lambda _: None)
        open_now = len(ids(stage))
        assert open_now == (75 if after == "produce" else 65)
        assert replay(place, bus, Choice("tx"), lambda: False, lambda _: None) == open_now
        assert ids(stage) == []
        put_back = [r.value for r in bus.consume(["tx"], "all", 1000, 0.1).records][:]
        assert set(put_back) == {b"rubbish %d" % i for i in range(95)}
        assert len(put_back) == 95 * 2 + (10 if after == "produce" else 0)


def test_a_wish_to_stop_is_heard_between_two_chunks(tmp_path, monkeypatch):
    monkeypatch.setattr(replaying, "CHUNK_RECORDS", 10)
    said = []
    with ingest(tmp_path) as stage:
        produce(stage, *[b"rubbish"] * 35)
        package.run(stage)
        done = replay(
            place_of(stage), stage.stream("bus"), Choice("tx"), lambda: len(said) == 2, said.append
        )
        assert done == 20
        assert len(ids(stage)) == 15


@pytest.fixture
def mounted(tmp_path, monkeypatch):
    """The stage document where the program looks for it."""
    monkeypatch.setenv("FOREBAY_ROOT", str(tmp_path))
    file = tmp_path / STAGE_FILE.lstrip("/")
    file.parent.mkdir(parents=True)

    def write(**block):
        file.write_text(document(tmp_path, **block).to_json())

    return write


def run(capsys, *arguments):
    code = program.main(arguments)
    shown = capsys.readouterr()
    return (
        code,
        [json.loads(line) for line in shown.out.splitlines() if line.startswith("{")],
        shown.err,
    )


def test_the_program_lists_shows_and_replays(tmp_path, mounted, capsys):
    mounted()
    with ingest(tmp_path) as stage:
        produce(stage, "x" * 500, b"\xff")
        package.run(stage)
    code, found, _ = run(capsys, "ls")
    assert (code, len(found)) == (0, 2)
    assert len(found[0]["record"]) <= 120
    assert found[0]["bytes"] == 502
    code, (shown,), _ = run(capsys, "show", found[0]["id"])
    assert len(shown["record"]) == 502
    code, planned, _ = run(capsys, "replay", "--dry-run", found[1]["id"])
    assert [one["record"] for one in planned] == ["\\xff"]
    assert len(run(capsys, "ls")[1]) == 2
    code, done, _ = run(capsys, "replay", found[1]["id"])
    assert (code, len(done)) == (0, 1)
    assert [one["id"] for one in run(capsys, "ls")[1]] == [found[0]["id"]]
    assert len(run(capsys, "ls", "--all")[1]) == 2


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"delivery": {}}, "deadLetter names no place"),
        ({"from": {"storeRef": {"name": "bus"}, "table": "t"}}, "ingest.from.topic"),
    ],
)
def test_an_ingest_without_letters_is_said_so(mounted, capsys, block, words):
    mounted(**block)
    code, found, said = run(capsys, "ls")
    assert (code, found) == (78, [])
    assert words in said
