"""Carries progress out of a stage: appended to a file or posted to a URL, from a thread of its own.

Used by `stage.py` only. It must never slow a stage or fail it: a sender keeps the newest progress and
drops what it has no time for; what could not be sent is counted and said once.
"""

from __future__ import annotations

import http.client
import os
import threading
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from forebay_workloads.contract import PROGRESS_ENV, Progress
from forebay_workloads.push import Poster

INTERVAL = 0.2  # seconds between two lines of a file; faster reports replace one another
POST_INTERVAL = 1.0  # seconds between two posts
CLOSE_TIMEOUT = 3.0  # seconds that the end of a stage waits for the last report

INDEX_ENV = "JOB_COMPLETION_INDEX"  # of pods that work together; the first one reports
Send = Callable[[str], None]


def _append(path: Path) -> Send:
    path.parent.mkdir(parents=True, exist_ok=True)

    def send(line: str) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")

    return send


def sender(target: str | None = None) -> Send | None:
    """The way out that ``FOREBAY_PROGRESS`` names, or None when it names none, or another pod speaks for us."""
    target = target if target is not None else os.environ.get(PROGRESS_ENV)
    if not target or os.environ.get(INDEX_ENV, "0") != "0":
        return None
    if urllib.parse.urlsplit(target).scheme in ("http", "https"):
        return Poster(target)
    return _append(Path(target))


class Reporter:
    """Sends the newest progress at most five times a second; the last one is always tried."""

    def __init__(self, send: Send | None, log: Callable[[str], None]) -> None:
        self._send = send
        self._log = log
        self._newest: Progress | None = None
        self._wake = threading.Condition()
        self._closing = threading.Event()
        self._interval = POST_INTERVAL if isinstance(send, Poster) else INTERVAL
        self._thread: threading.Thread | None = None
        self.failures = 0

    def put(self, progress: Progress) -> None:
        """Takes the newest progress and returns at once."""
        if self._send is None or self._closing.is_set():
            return
        with self._wake:
            self._newest = progress
            self._wake.notify()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="progress", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Sends what is left, waiting at most CLOSE_TIMEOUT seconds; may be called twice."""
        self._closing.set()
        with self._wake:
            self._wake.notify()
        if self._thread is not None:
            self._thread.join(CLOSE_TIMEOUT)

    def _take(self) -> Progress | None:
        with self._wake:
            while self._newest is None and not self._closing.is_set():
                self._wake.wait()
            newest, self._newest = self._newest, None
            return newest

    def _run(self) -> None:
        while (progress := self._take()) is not None:
            self._deliver(progress)
            self._closing.wait(self._interval)

    def _deliver(self, progress: Progress) -> None:
        if self._send is None:
            return
        try:
            self._send(progress.to_json())
        except (OSError, ValueError, http.client.HTTPException) as error:
            self.failures += 1
            if self.failures == 1:
                self._log(
                    f"progress cannot be reported ({type(error).__name__}); the stage goes on"
                )
