"""Keeps a long statement of DuckDB company: reports how far it is and stops it when the stage must stop.

Used by `preprocess.run`. The statement runs in the caller's thread; this one only looks.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from forebay_workloads.contract import Progress
from forebay_workloads.preprocess.engine import Engine
from forebay_workloads.stage import Stage

INTERVAL = 0.25  # seconds between two looks


@contextmanager
def watched(stage: Stage, engine: Engine, low: float, high: float) -> Iterator[None]:
    """While the block runs, progress moves from `low` to `high` percent of the stage."""
    done = threading.Event()

    def look() -> None:
        while not done.wait(INTERVAL):
            if stage.stopping.is_set():
                engine.interrupt()
                return
            share = engine.progress()
            if share is not None:
                percent = low + (high - low) * share / 100
                stage.progress(Progress("preprocess", percent=percent))

    thread = threading.Thread(target=look, name="preprocess-watch", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
