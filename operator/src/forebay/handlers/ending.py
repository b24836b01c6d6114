"""Sees to it that a kopf that broke comes to its end. Called once by lifecycle.py, inside kopf's event loop.

When one of its tasks fails, kopf stops the others and waits for all; those that wait for a login at that moment
never return, and the process would live on and hear nothing (kopf 1.45.2: 401 or 410 on several watches at once).
A pod that is started again is better.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Iterable

import structlog

log = structlog.get_logger(__name__)
PATIENCE = 15.0  # seconds that kopf and our own stop may take


def end_with(
    tasks: Iterable[asyncio.Task[object]],
    seconds: float = PATIENCE,
    leave: Callable[[int], object] = os._exit,
) -> None:
    """Ends the process with exit code 1 when it still runs `seconds` after one of the tasks failed."""

    def ended(task: asyncio.Task[object]) -> None:
        if task.cancelled() or task.exception() is None:
            return
        log.critical("kopf cannot go on", task=task.get_name(), ends_within=seconds)
        timer = threading.Timer(seconds, leave, (1,))  # the event loop may be what hangs
        timer.daemon = True
        timer.start()

    for task in tasks:
        task.add_done_callback(ended)
