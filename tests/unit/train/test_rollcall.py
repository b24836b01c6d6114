"""Who notices a lost process when the network says nothing: the words at the meeting place do."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
import torch.distributed as dist

from forebay_workloads.contract import EXIT_PEER
from forebay_workloads.train import meeting
from forebay_workloads.train.meeting import Place, Round, meet
from forebay_workloads.train.rollcall import RollCall
from tests.component.train.test_nodes import free_port

SOON = 1.5  # seconds; what happens takes some hundredths


class Party:
    """Two processes as threads of this one; each has met the other."""

    def __init__(self) -> None:
        self.first = Place(rank=0, world=2, address="127.0.0.1", port=free_port())
        self.second = replace(self.first, rank=1)
        self.rounds: dict[int, Round] = {}
        threads = [threading.Thread(target=self.come, args=(p,)) for p in (self.first, self.second)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        self.said: list[str] = []
        self.heard = threading.Event()
        self.rolls: list[RollCall] = []

    def come(self, place: Place) -> None:
        self.rounds[place.rank] = meet(place, lambda: False, lambda _: None)

    def roll(self, place: Place, silence: float = 60) -> RollCall:
        def end(lost) -> None:
            assert lost.exit_code == EXIT_PEER
            self.said.append(lost.message)
            self.heard.set()

        formed = self.rounds[place.rank]
        self.rolls.append(RollCall(place, formed, end, every=0.02, silence=silence))
        return self.rolls[-1]

    def start_anew(self, place: Place) -> None:
        """As a process of that rank does that comes to a round which is under way."""
        client = dist.TCPStore(place.address, place.port, 2, wait_for_workers=False)
        client.set(f"member/{place.rank}", "a new word")


@pytest.fixture
def party():
    made = Party()
    yield made
    for roll in made.rolls:
        roll.stop()


def test_both_hear_the_same_name(party):
    assert party.rounds[0].name == party.rounds[1].name


@pytest.mark.parametrize("rank", [0, 1])
def test_F22_one_that_was_started_anew_ends_the_round_for_all(party, rank):
    party.roll(party.first if rank == 0 else party.second)
    party.start_anew(party.second)
    assert party.heard.wait(SOON)
    assert party.said == [
        "another pod of this training was lost: a process was started anew in its place"
    ]


def test_while_all_are_there_nothing_is_said(party):
    party.roll(party.first)
    party.roll(party.second)
    assert not party.heard.wait(0.3)


def test_one_that_left_in_peace_misses_nobody(party):
    party.roll(party.first).stop()
    party.start_anew(party.second)
    assert not party.heard.wait(0.3)


def test_F22_a_meeting_place_that_is_silent_for_long_is_taken_for_lost(party, monkeypatch):
    monkeypatch.setattr(meeting, "_CALL", timedelta(seconds=0.2))
    party.second = replace(party.second, port=free_port())  # as if nothing were left there
    party.roll(party.second, silence=0.05)
    assert party.heard.wait(10)
    assert "rank 0 is silent for" in party.said[0]
