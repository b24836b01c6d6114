"""Keeps a member in its group while what it was given is handled, however long a slow store takes for it.

Used by kafka_member.py. A group takes a member that does not poll for dead, gives its partitions to others, and
what was handled is read and handled again, for ever. So a thread polls in place of an owner that is busy; when
partitions of the batch in hand have to go, they wait for it. An owner that is busy for too long is left to the group.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from forebay_workloads.streams.kafka_connection import Place

_T = TypeVar("_T")
KEPT = 3600.0  # seconds for one batch; after that its owner is taken for dead


class Keeper:
    """One member's. All but `close` are called with the member's `lock`, which is given up while they wait."""

    def __init__(self, lock: threading.RLock, poll: Callable[[], None], interval: float) -> None:
        self._poll = poll
        self._every = interval / 3  # seconds: the group's patience is thrice that
        self._changed = threading.Condition(lock)
        self._closed = False
        self._polling = self._standing = False
        self._work: Callable[[], None] | None = None
        self._error: Exception | None = None
        self._hand: set[Place] = set()  # partitions of records that were given out and are not done
        self._given = self._polled = time.monotonic()
        self._thread: threading.Thread | None = None

    def given(self, places: Iterable[Place]) -> None:
        """The owner got records of these partitions, and does not poll until they are handled."""
        self._hand = set(places)
        self._given = self._polled = time.monotonic()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="keeper", daemon=True)
            self._thread.start()

    def done(self, places: Iterable[Place]) -> None:
        """Their positions are committed."""
        self._hand.difference_update(places)
        self._changed.notify_all()

    def back(self) -> None:
        """The owner polls itself again; returns when nobody else does."""
        self._hand.clear()
        self._changed.notify_all()
        while self._polling and threading.current_thread() is not self._thread:
            self._changed.wait()

    def release(self, places: Iterable[Place]) -> None:
        """Partitions have to go: waits until what is in hand of them is done, or its owner is taken for dead."""
        if threading.current_thread() is not self._thread:
            return  # the owner's own poll: nothing is in hand
        wanted = set(places)
        self._standing = True
        while wanted & self._hand and (left := self._given + KEPT - time.monotonic()) > 0:
            self._changed.wait(left)
            self._do()
        self._standing = False

    def run(self, work: Callable[[], _T]) -> _T:
        """Does the work, where a thread stands in `release` there: the client serves nobody else meanwhile."""
        if not self._standing or threading.current_thread() is self._thread:
            return work()
        done: list[_T] = []
        self._work = lambda: done.append(work())
        self._changed.notify_all()
        while self._work is not None:
            self._changed.wait()
        error, self._error = self._error, None
        if error is not None:
            raise error
        return done[0]

    def _do(self) -> None:
        if self._work is None:
            return
        try:
            self._work()
        except Exception as error:  # noqa: BLE001 - the owner's: it is raised there
            self._error = error
        self._work = None
        self._changed.notify_all()

    def end(self) -> None:
        """Polls no more."""
        self._closed = True
        self.back()

    def close(self) -> None:
        """After `end`, without the lock."""
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        with self._changed:
            while not self._closed:
                self._changed.wait(self._every / 2)
                now = time.monotonic()
                busy = now - self._given < KEPT
                if not self._closed and busy and now - self._polled >= self._every / 2:
                    self._keep()

    def _keep(self) -> None:
        self._polling = True
        try:
            self._poll()
        finally:
            self._polling, self._polled = False, time.monotonic()
            self._changed.notify_all()
