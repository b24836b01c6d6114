"""Does the watch still hear what we write? A state machine over times that it is told. Pure: no I/O, no clock.

The heart writes a numbered beat and tells it here; whoever listens tells which beat came back. A watch can
only be judged by what was surely written: while the API server takes no beat, the pulse says nothing bad.
"""

from __future__ import annotations

EVERY = 30.0  # seconds between two beats
PATIENCE = 60.0  # seconds from a beat's writing to its hearing: a watch that died is told within EVERY + PATIENCE
_KEPT = 16  # beats; the oldest one decides, so later ones need not be kept


class Pulse:
    """Beats that were written and not heard yet. Times are seconds of one clock that only grows."""

    def __init__(self, patience: float = PATIENCE) -> None:
        self._patience = patience
        self._last = 0
        self._heard = 0
        self._unheard: list[tuple[int, float]] = []  # beat and when it was written, oldest first
        self.delay: float | None = None  # seconds that the last beat took that was heard

    @property
    def next(self) -> int:
        """The number of the beat to write next."""
        return max(self._last, self._heard) + 1

    @property
    def begun(self) -> bool:
        """Whether a beat has ever come back."""
        return self._heard > 0

    def written(self, beat: int, now: float) -> None:
        """The API server has taken the beat. It may have been heard before its writer was answered."""
        self._last = max(self._last, beat)
        if beat > self._heard and len(self._unheard) < _KEPT:
            self._unheard.append((beat, now))

    def failed(self) -> None:
        """A beat was not taken: whether the watch is deaf or the server silent cannot be known now."""
        self._unheard.clear()

    def heard(self, beat: int, now: float) -> None:
        """The watch told of the beat, and thereby of all before it."""
        self._heard = max(self._heard, beat)
        came = [at for number, at in self._unheard if number <= beat]
        if came:
            self.delay = now - came[-1]
            self._unheard = [entry for entry in self._unheard if entry[0] > beat]

    def alive(self, now: float) -> bool:
        """Whether nothing shows that the watch is deaf."""
        return not self._unheard or now - self._unheard[0][1] <= self._patience
