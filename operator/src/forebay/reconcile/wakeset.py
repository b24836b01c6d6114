"""Which objects have to be looked at, and when: a set with timers. Used by the loop alone.

A key is in work at most once at a time; whatever wakes it meanwhile makes one more pass, not two.
"""

from __future__ import annotations

import asyncio

from forebay.kube.port import Ref


class WakeSet:
    """Keys that are due, in work, or due later. For one event loop; not for threads."""

    def __init__(self) -> None:
        self._first: dict[Ref, None] = {}  # in order of arrival
        self._due: dict[Ref, None] = {}  # after these, in order of arrival
        self._in_work: set[Ref] = set()
        self._timers: dict[Ref, asyncio.TimerHandle] = {}
        self._news = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def __len__(self) -> int:
        """Keys that are due."""
        return len(self._first) + len(self._due)

    @property
    def urgent(self) -> bool:
        """Whether keys are due that come first."""
        return bool(self._first)

    def add(self, ref: Ref, *, first: bool = False) -> None:
        """The key is due now; `first`: before all that are not."""
        if first:
            self._due.pop(ref, None)
            self._first[ref] = None
        elif ref not in self._first:
            self._due[ref] = None
        self._quiet.clear()
        self._news.set()

    def add_later(self, ref: Ref, seconds: float) -> None:
        """The key is due in `seconds`, unless it is due earlier already."""
        if seconds <= 0:
            self.add(ref)
            return
        loop = asyncio.get_running_loop()
        known = self._timers.get(ref)
        if known is not None and known.when() <= loop.time() + seconds:
            return
        self._cancel(ref)
        self._timers[ref] = loop.call_later(seconds, self._ring, ref)

    def _ring(self, ref: Ref) -> None:
        self._timers.pop(ref, None)
        self.add(ref)

    def _cancel(self, ref: Ref) -> None:
        timer = self._timers.pop(ref, None)
        if timer is not None:
            timer.cancel()

    async def take(self) -> Ref:
        """Waits for a key that is due and not in work, and puts it into work. Its timer is void."""
        while True:
            for queue in (self._first, self._due):
                for ref in queue:
                    if ref not in self._in_work:
                        del queue[ref]
                        self._in_work.add(ref)
                        self._cancel(ref)
                        return ref
            self._news.clear()
            await self._news.wait()

    def done(self, ref: Ref) -> None:
        """The key is out of work."""
        self._in_work.discard(ref)
        if len(self):
            self._news.set()
        elif not self._in_work:
            self._quiet.set()

    async def quiet(self) -> None:
        """Returns when nothing is due and nothing in work; timers do not count."""
        await self._quiet.wait()

    def close(self) -> None:
        """Stops all timers."""
        for ref in tuple(self._timers):
            self._cancel(ref)
