"""Work whose own patience is longer than the caller's: it is left to itself when the time is over.

Used by adapters for the first online read of a table, where a driver connects and asks for the table's columns.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises, or TimeoutError. A thread goes on with it then, for the next caller's good."""
    said: SimpleQueue[tuple[T | None, BaseException | None]] = SimpleQueue()

    def run() -> None:
        try:
            said.put((work(), None))
        except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
            said.put((None, error))

    threading.Thread(target=run, name="forebay-online-read", daemon=True).start()
    try:
        result, error = said.get(timeout=max(0.0, seconds))
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value] # None is what it returned
