"""How the processes of one training find each other: at the address of rank 0, again after every loss.

Called by group.py. Each process that comes says its rank and a word of its own; when all ranks are there rank 0
answers each word with the name of the new round, which is made of all the words. A process that comes to an old round
hears no answer and comes again, so processes may be started, killed and started anew in any order; rollcall.py sees
from the words that one came to a round that is under way. It knows nothing of what they do then.
"""

from __future__ import annotations

import hashlib
import os
import socket
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch.distributed as dist

from forebay_workloads.contract import ADDRESS_ENV, PORT_ENV, RANK_ENV, WORLD_ENV
from forebay_workloads.errors import RetryableError, cut
from forebay_workloads.recipes.base import Preempted

_CALL = timedelta(seconds=5)  # one try to reach rank 0
_LOOK = 0.1  # seconds between two looks for what others say
_TELL = 30.0  # seconds between two lines of the log about waiting


@dataclass(frozen=True)
class Place:
    """Which process this is, of how many, and where they meet."""

    rank: int
    world: int
    address: str
    port: int

    @classmethod
    def of_environment(cls) -> Place:
        """As torchrun, or the pod, says it; a process alone when nobody does."""
        env = os.environ
        return cls(
            int(env.get(RANK_ENV, 0)),
            int(env.get(WORLD_ENV, 1)),
            env.get(ADDRESS_ENV, "127.0.0.1"),
            int(env.get(PORT_ENV, 29500)),
        )

    @property
    def is_local(self) -> bool:
        """Whether all processes are on this machine."""
        return self.address in ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Round:
    """Processes that met: the name that they all heard, and a store of their own."""

    name: str
    store: Any


def meet(place: Place, stopping: Callable[[], bool], log: Callable[[str], None]) -> Round:
    """The new round, once all ranks are there. Raises Preempted when it is told to stop meanwhile."""
    return _Meeting(place, stopping, log).round()


def call(place: Place) -> Any:
    """A connection to rank 0's store. Raises RuntimeError when nobody answers within seconds."""
    host = "127.0.0.1" if place.rank == 0 else place.address
    return dist.TCPStore(  # type: ignore[attr-defined]
        host, place.port, place.world, timeout=_CALL, wait_for_workers=False
    )


def words(store: Any, world: int) -> list[bytes]:
    """What the newest process of each rank said. Raises RuntimeError when the store does not answer."""
    found: list[bytes] = store.multi_get([_member(rank) for rank in range(world)])
    return found


def name_of(words: Sequence[bytes]) -> str:
    """The name of the round that processes with these words form."""
    return hashlib.sha256(b" ".join(words)).hexdigest()


def _host(place: Place) -> Any:
    """Rank 0's store, which the others reach; from this machine only, where all are on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listening.bind((place.address if place.is_local else "", place.port))
            listening.listen(place.world * 2)
        except OSError as error:
            raise RetryableError(
                "PeerLost", f"port {place.port} for the other pods cannot be opened: {cut(error)}"
            ) from error
        return dist.TCPStore(  # type: ignore[attr-defined]
            "127.0.0.1",
            place.port,
            place.world,
            is_master=True,
            timeout=_CALL,
            wait_for_workers=False,
            master_listen_fd=listening.detach(),  # the store's own from now on
        )


class _Meeting:
    def __init__(
        self, place: Place, stopping: Callable[[], bool], log: Callable[[str], None]
    ) -> None:
        self._place, self._stopping, self._log = place, stopping, log
        self._told = time.monotonic()

    def round(self) -> Round:
        """The round that was formed."""
        if self._place.rank == 0:
            return self._join(_host(self._place))
        while True:
            try:
                return self._join(call(self._place))
            except (RuntimeError, OSError) as error:  # not there yet, or gone again: it will come
                self._wait(cut(error))

    def _join(self, store: Any) -> Round:
        word = uuid.uuid4().hex
        store.set(_member(self._place.rank), word)
        if self._place.rank == 0:
            self._answer(store)
        while not store.check([_answer_to(word)]):
            self._wait("the others are not all there")
        name = store.get(_answer_to(word)).decode()
        return Round(name, dist.PrefixStore(name, store))  # type: ignore[attr-defined]

    def _answer(self, store: Any) -> None:
        ranks = [_member(rank) for rank in range(self._place.world)]
        while not store.check(ranks):
            missing = [n for n, key in enumerate(ranks) if not store.check([key])]
            self._wait(f"ranks that are not there: {', '.join(map(str, missing[:8]))}")
        heard = words(store, self._place.world)
        for word in heard:
            store.set(_answer_to(word.decode()), name_of(heard))

    def _wait(self, why: str) -> None:
        if self._stopping():
            raise Preempted
        if time.monotonic() - self._told >= _TELL:
            self._told = time.monotonic()
            self._log(f"train: waiting for the pods of this training to meet ({why})")
        time.sleep(_LOOK)


def _member(rank: int) -> str:
    return f"member/{rank}"


def _answer_to(word: str) -> str:
    return f"answer/{word}"
