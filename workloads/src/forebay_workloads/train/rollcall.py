"""Notices that a process of a training is gone where the network does not tell: a lost node closes no connection.

Started by group.py for each round that was formed. A process that is started anew says its word at the meeting place
(meeting.py), so the words there are no longer those of the round: all who are left end. So they do when rank 0's
meeting place is silent for long. It ends the process itself, with the exit code of PeerLost, because the training may
be waiting inside a library's call that nothing interrupts; the next attempt goes on from the checkpoint.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from forebay_workloads.contract import Result
from forebay_workloads.errors import PeerLost
from forebay_workloads.termination import leave
from forebay_workloads.train.meeting import Place, Round, call, name_of, words

EVERY = 2.0  # seconds between two looks
SILENCE = 60.0  # seconds without an answer after which rank 0 is taken for lost


def end_process(lost: PeerLost) -> None:
    """What the stage does with a PeerLost, from any thread."""
    sys.stderr.write(f"{lost.reason}: {lost.message}\n")
    sys.stderr.flush()
    try:
        leave(Result(reason=lost.reason, message=lost.message))
    finally:
        os._exit(lost.exit_code)


class RollCall:
    """Looks at the meeting place now and then, in a thread of its own, until `stop`."""

    def __init__(
        self,
        place: Place,
        formed: Round,
        end: Callable[[PeerLost], None] = end_process,
        *,
        every: float = EVERY,
        silence: float = SILENCE,
    ) -> None:
        self._place, self._name, self._end = place, formed.name, end
        self._every, self._silence = every, silence
        self._store: Any = None
        self._heard = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rollcall", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """From now on nobody is missed. Returns at once: a look that is under way finds nothing any more."""
        self._over.set()

    def _run(self) -> None:
        while not self._over.wait(self._every):
            lost = self._look()
            if lost and not self._over.is_set():
                self._end(PeerLost("PeerLost", f"another pod of this training was lost: {lost}"))
                return

    def _look(self) -> str:
        """What is wrong; nothing as a rule."""
        try:
            self._store = self._store or call(self._place)
            found = name_of(words(self._store, self._place.world))
        except (RuntimeError, OSError):  # silent: perhaps for a moment
            self._store = None
            quiet = time.monotonic() - self._heard
            return f"rank 0 is silent for {quiet:.0f} s" if quiet > self._silence else ""
        self._heard = time.monotonic()
        return "" if found == self._name else "a process was started anew in its place"
