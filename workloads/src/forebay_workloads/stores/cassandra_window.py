"""Requests in flight, at most so many; those that fail for a passing cause are sent again, ever later.

Used by the Cassandra adapter's writes and blobs. The driver's threads report the ends of requests; the caller's
thread alone decides what follows.
"""

from __future__ import annotations

import heapq
import queue
import random
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_errors import passing, refused

ATTEMPTS = 8  # about 40 seconds: a node that starts again is back by then


@dataclass
class Request:
    """One idempotent statement, and what it stands for to the caller."""

    statement: Any
    of: Any = None
    attempts: int = 0


class Window:
    """Sends requests of one call and collects those that the server refused."""

    def __init__(
        self,
        connection: Connection,
        what: str,
        most: int | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._what = what
        self._most = min(most or connection.concurrency, connection.concurrency)
        self._sleep = sleep
        self._ended: queue.SimpleQueue[tuple[Request, Exception | None]] = queue.SimpleQueue()
        self._flying = 0
        self._later: list[tuple[float, int, Request]] = []
        self._refused: list[tuple[Request, Exception]] = []

    def run(self, requests: Iterable[Request]) -> list[tuple[Request, Exception]]:
        """All of them; returns those whose values the server refused. Raises when one cannot be brought to an end."""
        try:
            for request in requests:
                while self._flying + len(self._later) >= self._most:
                    self._step()
                self._send(request)
            while self._flying or self._later:
                self._step()
        finally:
            self._drain()
        return self._refused

    def _send(self, request: Request) -> None:
        request.attempts += 1
        with self._connection.speak(self._what):
            future = self._connection.send(request.statement)
        self._flying += 1
        future.add_callbacks(
            callback=lambda _: self._ended.put((request, None)),
            errback=lambda error: self._ended.put((request, error)),
        )

    def _step(self) -> None:
        """Sends what waited long enough, or waits for an answer."""
        now = time.monotonic()
        if self._later and (not self._flying or self._later[0][0] <= now):
            due, _, request = heapq.heappop(self._later)
            if due > now:
                self._sleep(due - now)
            self._send(request)
        else:
            self._take()

    def _take(self) -> None:
        request, error = self._ended.get()
        self._flying -= 1
        if error is None:
            return
        if refused(error):
            self._refused.append((request, error))
        elif request.attempts < ATTEMPTS and passing(error):
            # Its outcome may be unknown: the same upsert again is right in either case.
            due = time.monotonic() + 2**request.attempts * random.uniform(0.1, 0.2)
            heapq.heappush(self._later, (due, id(request), request))
        else:
            raise self._connection.translated(error, self._what) from error

    def _drain(self) -> None:
        """Nothing may be in flight when the call is over: a late write would overtake a newer one."""
        while self._flying:
            self._ended.get()
            self._flying -= 1
