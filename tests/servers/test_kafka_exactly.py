"""Records and offsets in one transaction hold over kill -9: each record is in the output once."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import asdict

import pytest

from forebay_workloads.errors import RetryableError
from forebay_workloads.streams import open_stream
from forebay_workloads.streams.kafka_producer import Sender

KILLS = 5
MISSED = 12.0  # seconds until a group misses a member that was killed
RECORDS = 4000


@pytest.mark.timeout(400)
def test_each_record_is_copied_once_though_the_copier_is_killed(kafka, prefix, topics):
    source, target = topics.make(f"{prefix}in", 4), topics.make(f"{prefix}out", 2)
    values = [str(number).encode() for number in range(RECORDS)]
    chance = random.Random(7)
    with closing(open_stream(kafka)) as stream:
        for turn in range(KILLS):
            some = values[turn::KILLS]
            stream.produce(source, some, some)
            with copier(kafka, source, target, prefix + "g"):
                wished = ended(stream, target) + chance.randrange(1, len(some))
                wait(lambda wished=wished: ended(stream, target) >= wished)
        with copier(kafka, source, target, prefix + "g"):
            wait(lambda: left(stream, prefix + "g", source) == 0)
        found = []

        def all_there():
            polled = stream.consume([target], prefix + "reader", 1000, 5.0)
            found.extend(record.value for record in polled.records)
            return len(found) >= RECORDS

        wait(all_there)
        found += [r.value for r in stream.consume([target], prefix + "reader", 1000, 2.0).records]
        assert Counter(found) == Counter(values)
    time.sleep(MISSED)  # else the group cannot be removed


def test_a_commit_whose_answer_is_lost_is_not_repeated(kafka, prefix, topics, monkeypatch):
    source, target = topics.make(f"{prefix}in", 1), topics.make(f"{prefix}out", 1)
    group, done = prefix + "g", Sender.transact

    def unheard(*arguments):
        done(*arguments)
        raise RetryableError("StoreUnreachable", "the answer was lost")

    with closing(open_stream(kafka)) as stream:
        stream.produce(source, [b"1", b"2"])
        polled = stream.consume([source], group, 10, 5.0)
        assert len(polled.records) == 2
        monkeypatch.setattr(Sender, "transact", unheard)
        with pytest.raises(RetryableError, match="lost"):
            stream.transact(group, polled.positions, target, [b"1", b"2"])
        monkeypatch.setattr(Sender, "transact", done)
        assert not stream.consume([source], group, 10, 1.0).records
        stream.produce(source, [b"3"])
        polled = stream.consume([source], group, 10, 5.0)
        assert [one.value for one in polled.records] == [b"3"]
        assert stream.transact(group, polled.positions, target, [b"3"]) == 1
        assert stream.lag(group, source) == 0


@contextmanager
def copier(ref, *names):
    """A process that ends with the block, by SIGKILL."""
    arguments = [json.dumps(asdict(ref)), *names]
    command = [sys.executable, "-m", "tests.servers.kit.copier", *arguments]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def left(stream, group, topic):
    """What the group has not read; None while the transaction of one that was killed is open."""
    try:
        return stream.lag(group, topic)
    except RetryableError:
        return None


def ended(stream, topic):
    """How much lies in it."""
    return stream.lag("nobody", topic)


def wait(holds, seconds=90.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)
