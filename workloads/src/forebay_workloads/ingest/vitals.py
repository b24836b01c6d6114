"""Whether an ingest of a topic lives and whether it can work: told by the loop, asked by the pod's probes. Pure.

Used by `ingest.loop` and `ingest.endpoint`. Alive is who makes progress or waits on purpose: a topic without
records, a pause and a store that is away for a while are no reason to be killed. A method's effect is one
assignment, so that threads may ask at any time.
"""

from __future__ import annotations

import time
from collections.abc import Callable

HANG = 600.0  # seconds without a step: a call that does not return, whatever it waits for
OUTAGE = 1800.0  # seconds without a turn that ended well: a new process has new clients


class Vitals:
    """What the loop last did, and when."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._stepped = self._well = clock()
        self.trouble: str | None = "Starting"  # why it is not ready: a reason

    def step(self) -> None:
        """Something returned: a wait, a try, a poll."""
        self._stepped = self._clock()

    def well(self) -> None:
        """A turn ended well: the broker answered, and what it gave is where it belongs."""
        self._stepped = self._well = self._clock()
        self.trouble = None

    def failed(self, reason: str) -> None:
        """A store or broker does not do what it should; it is tried again."""
        self._stepped = self._clock()
        self.trouble = reason

    def dead(self) -> str | None:
        """Why the process has to be started anew; None while it lives."""
        now = self._clock()
        if now - self._stepped > HANG:
            return f"no step for {now - self._stepped:.0f} s"
        if now - self._well > OUTAGE:
            return (
                f"nothing ended well for {now - self._well:.0f} s: {self.trouble or 'no turn ends'}"
            )
        return None

    def unready(self) -> str | None:
        """Why it does no work at present; None while it reads its broker and writes its store."""
        return self.dead() or self.trouble
