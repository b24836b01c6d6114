"""A thread polls for a member that is busy; what it may not give away yet it keeps."""

from __future__ import annotations

import threading

import pytest

from forebay_workloads.streams import kafka_keeper
from forebay_workloads.streams.kafka_keeper import Keeper

A, B = ("tx", 0), ("tx", 1)


class Group:
    """Asks for partitions at a poll, as a client's callback does."""

    def __init__(self):
        self.lock = threading.RLock()
        self.keeper = Keeper(self.lock, self.poll, 0.06)
        self.wanted, self.gone, self.polls = [], [], 0
        self.polled, self.asking = threading.Event(), threading.Event()

    def poll(self):
        self.polls += 1
        self.polled.set()
        if self.wanted:
            self.asking.set()
            self.keeper.release(self.wanted)
            self.gone, self.wanted = [*self.gone, *self.wanted], []

    def give(self, *places):
        with self.lock:
            self.keeper.given(places)

    def back(self):
        with self.lock:
            self.keeper.back()


@pytest.fixture
def group():
    made = Group()
    yield made
    with made.lock:
        made.keeper.end()
    made.keeper.close()


def test_it_polls_while_the_owner_is_busy(group):
    group.give(A)
    assert group.polled.wait(5)


def test_partitions_that_are_not_in_hand_go_at_once(group):
    group.wanted = [B]
    group.give(A)
    assert group.asking.wait(5)
    group.back()
    assert group.gone == [B]


def test_partitions_in_hand_go_when_their_batch_is_done(group):
    group.wanted = [A]
    group.give(A, B)
    assert group.asking.wait(5)
    with group.lock:
        assert group.gone == []
        group.keeper.done([A])
    group.back()
    assert group.gone == [A]


def test_an_owner_that_polls_again_keeps_nothing_in_hand(group):
    group.wanted = [A]
    group.give(A)
    assert group.asking.wait(5)
    group.back()
    assert group.gone == [A]


def test_work_is_done_where_the_client_listens(group):
    group.wanted = [A]
    group.give(A)
    assert group.asking.wait(5)
    with group.lock:
        assert group.keeper.run(lambda: threading.current_thread().name) == "keeper"
        with pytest.raises(ZeroDivisionError):
            group.keeper.run(lambda: 1 // 0)
        group.keeper.done([A])
    group.back()
    with group.lock:
        assert group.keeper.run(threading.current_thread) is threading.current_thread()


def test_an_owner_that_takes_too_long_is_left_to_the_group(group, monkeypatch):
    monkeypatch.setattr(kafka_keeper, "KEPT", 1.0)
    group.wanted = [A]
    group.give(A)
    assert group.asking.wait(5)
    end = threading.Event()
    while not group.gone:
        end.wait(0.01)
    polls = group.polls
    end.wait(0.2)
    assert group.polls == polls, "nobody polls for it any more"
