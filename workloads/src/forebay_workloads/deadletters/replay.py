"""Puts refused records back where they came from. Used by `__main__.py` only.

Chunk by chunk: the records to their topic, then the marks. A replay that is killed in between repeats at most
one chunk, and an ingest upserts, so it has the effect of one. A wish to stop is heard between two chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from forebay_workloads.deadletters.letter import REPLAY_OF, Letter
from forebay_workloads.deadletters.place import Place
from forebay_workloads.ingest.letters import ATTEMPT
from forebay_workloads.streams.base import Stream

CHUNK_RECORDS, CHUNK_BYTES = 100, 4 << 20


@dataclass(frozen=True)
class Choice:
    """Which letters: of one topic, sent since a moment, of some ids (None: any)."""

    topic: str
    since: int = 0  # milliseconds since 1970
    ids: frozenset[str] | None = None
    replayed: bool = False  # those that were replayed already, too

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is meant; `replayed_at` must be known."""
        meant = letter.topic == self.topic and letter.failed_at >= self.since
        return (
            meant
            and (self.ids is None or letter.id in self.ids)
            and (self.replayed or letter.replayed_at is None)
        )


def chosen(place: Place, choice: Choice) -> Iterator[Letter]:
    """Each letter that is meant, once."""
    marks = place.marks()
    seen: set[str] = set()
    for letter in place.letters():
        at = marks.get(letter.id)
        told = letter if at is None or at < letter.failed_at else letter_replayed(letter, at)
        if choice.takes(told) and told.id not in seen:
            seen.add(told.id)
            yield told


def letter_replayed(letter: Letter, at: int) -> Letter:
    """The letter with the moment of its replay."""
    return Letter(**{**letter.__dict__, "replayed_at": at})


def replay(
    place: Place,
    source: Stream,
    choice: Choice,
    stopping: Callable[[], bool],
    say: Callable[[Sequence[Letter]], None],
) -> int:
    """Replays the letters that are meant; returns how many. `say` is told of each chunk that is done."""
    done = 0
    for chunk in _chunks(chosen(place, choice)):
        if stopping():
            break
        source.produce(
            choice.topic,
            [one.value for one in chunk],
            [one.key for one in chunk],
            [
                {
                    **one.headers,
                    ATTEMPT: str(one.attempt + 1).encode(),
                    REPLAY_OF: one.id.encode(),
                }
                for one in chunk
            ],
        )
        place.mark(chunk)
        done += len(chunk)
        say(chunk)
    return done


def _chunks(letters: Iterator[Letter]) -> Iterator[list[Letter]]:
    chunk: list[Letter] = []
    size = 0
    for one in letters:
        chunk.append(one)
        size += one.size
        if len(chunk) >= CHUNK_RECORDS or size >= CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk
