"""One SQLite file as the embedded store and stream use it: connections, transactions, errors.

A connection per thread; WAL, so readers and the one writer do not wait for each other. WAL needs shared
memory: processes of one node only, so in a cluster pods that share a claim which is on one node
(docs/cluster.md), and no network file system. Every error becomes one of ours here and nowhere else. It
knows nothing of tables, blobs or topics.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut

BUSY_SECONDS = 30.0  # how long a writer waits for another one
PROGRESS_STEPS = 10_000  # virtual machine steps between two looks at a deadline: well below 1 ms


def quote(name: str) -> str:
    """An identifier as SQL text; any name is allowed except one with a NUL, which SQLite cannot hold."""
    if "\0" in name:
        raise ConfigError("SchemaMismatch", f"a name may not contain a NUL character: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def wrapped(error: sqlite3.Error, path: Path) -> StageError:
    """Our error for SQLite's."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    text = f"{path}: {cut(error)}"
    if code == sqlite3.SQLITE_FULL:
        return RetryableError("DiskFull", f"{text}; nothing of this write is kept")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return RetryableError(
            "StoreThrottled", f"{text}: other writers kept it for {BUSY_SECONDS:g} s"
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return DataError("DigestMismatch", f"{text}: not a store of ours, or damaged")
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return ConfigError("StoreAuthFailed", text)
    return RetryableError("StoreUnreachable", text)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Switches to WAL. The switch itself does not obey the busy timeout, so two first users may meet."""
    end = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > end:
                raise
            time.sleep(0.01)
        else:
            return


class Database:
    """A SQLite file shared by threads and processes."""

    def __init__(self, path: Path, setup: Sequence[str]) -> None:
        self.path = path
        self._setup = setup
        self._local = threading.local()
        self._open: list[sqlite3.Connection] = []
        self._guard = threading.Lock()
        self._closed = False

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if self._closed:
            raise ConfigError("StoreUnreachable", f"{self.path}: the store is closed")
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = self._connect()
            self._local.connection = found
            with self._guard:
                self._open.append(found)
        return found

    def _connect(self) -> sqlite3.Connection:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(
                self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
        except OSError as error:
            raise RetryableError("StoreUnreachable", f"{self.path}: {cut(error)}") from error
        except sqlite3.Error as error:
            raise wrapped(error, self.path) from error
        try:
            self._prepare(connection)
        except sqlite3.Error as error:
            connection.close()
            raise wrapped(error, self.path) from error
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        # NORMAL with WAL survives a crash of the process; a power cut may lose the last commits but
        # never leaves a half of one.
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute("PRAGMA foreign_keys = ON")
        for statement in self._setup:
            connection.execute(statement)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """A block that sees one state of the file."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """A block that is kept whole or not at all; waits for other writers."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        connection = self.connection()
        try:
            connection.execute(begin)
            yield connection
            connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise wrapped(error, self.path) from error
        finally:
            # After a full disk SQLite may have rolled back by itself.
            if connection.in_transaction:
                connection.execute("ROLLBACK")

    @contextmanager
    def deadline(self, seconds: float) -> Iterator[Callable[[], None]]:
        """A block whose queries are interrupted after `seconds`: RetryableError DeadlineExceeded.

        Yields a function that raises as well, for the steps between two queries.
        """
        end = time.monotonic() + seconds
        connection = self.connection()
        late = RetryableError("DeadlineExceeded", f"{self.path}: no answer within {seconds:g} s")

        def check() -> None:
            if time.monotonic() > end:
                raise late

        connection.set_progress_handler(lambda: time.monotonic() > end, PROGRESS_STEPS)
        connection.execute(f"PRAGMA busy_timeout = {max(1, int(seconds * 1000))}")
        try:
            yield check
        except RetryableError as error:
            if "interrupted" in error.message or error.reason == "StoreThrottled":
                raise late from error
            raise
        finally:
            connection.set_progress_handler(None, 0)
            connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")

    def close(self) -> None:
        """Closes every thread's connection; may be called twice."""
        self._closed = True
        with self._guard:
            while self._open:
                self._open.pop().close()
