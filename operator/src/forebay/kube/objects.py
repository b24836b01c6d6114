"""The objects of the embedded API in one SQLite file: rows, one counter of versions, the log of changes.

Called by embedded.py only. It knows nothing of apply, schemas or watches; writes are grouped by `transaction`.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forebay.errors import Unavailable
from forebay.kube.port import Kind, Obj, Ref, WatchEvent

_SCHEMA = """
CREATE TABLE IF NOT EXISTS objects (
  api_version TEXT NOT NULL, kind TEXT NOT NULL, namespace TEXT NOT NULL, name TEXT NOT NULL,
  uid TEXT NOT NULL, body TEXT NOT NULL,
  PRIMARY KEY (api_version, kind, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS owners (owner_uid TEXT NOT NULL, api_version TEXT NOT NULL, kind TEXT NOT NULL,
  namespace TEXT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (owner_uid, api_version, kind, namespace, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS changes (
  version INTEGER PRIMARY KEY AUTOINCREMENT, type TEXT NOT NULL, api_version TEXT NOT NULL,
  kind TEXT NOT NULL, namespace TEXT NOT NULL, body TEXT NOT NULL);
"""
_PATIENCE = 30.0  # seconds that a write waits for another process's
KEPT_CHANGES = 20_000  # a watcher that is further behind would miss changes; ours poll every 100 ms


class ObjectTable:
    """A SQLite file that several processes may have open."""

    def __init__(self, path: Path) -> None:
        """Raises Unavailable when the file cannot be opened."""
        path.touch(mode=0o600)  # Secrets are in here
        self._path = path
        try:
            self._db = sqlite3.connect(path, isolation_level=None, timeout=_PATIENCE)
            # NORMAL: a killed process loses nothing; a power cut may cost the last writes, never the file.
            for pragma in ("journal_mode=WAL", "synchronous=NORMAL"):
                self._db.execute(f"PRAGMA {pragma}")
            self._db.executescript(_SCHEMA)
        except sqlite3.Error as error:
            raise _unavailable(path, error) from error
        self._seen = self._data_version()

    @contextmanager
    def transaction(self, *, dry_run: bool = False) -> Iterator[None]:
        """Holds the write lock, so that what is read within is still true when it is written.

        Without its writes after an error, or with `dry_run`. Raises Unavailable when the disk is full.
        """
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._rollback()
                raise
            self._rollback() if dry_run else self._db.execute("COMMIT")
        except sqlite3.Error as error:
            self._rollback()
            raise _unavailable(self._path, error) from error

    def _rollback(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def changed_by_others(self) -> bool:
        """Whether another process wrote since the last call."""
        before, self._seen = self._seen, self._data_version()
        return before != self._seen

    def _data_version(self) -> int:
        return int(self._rows("PRAGMA data_version")[0][0])

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """The answer of a query. Raises Unavailable: readers wait and ask again, as after a write."""
        try:
            return self._db.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise _unavailable(self._path, error) from error

    def get(self, ref: Ref) -> Obj | None:
        """The object, or None."""
        rows = self._rows(
            "SELECT body FROM objects WHERE api_version=? AND kind=? AND namespace=? AND name=?",
            _key(ref),
        )
        return _load(rows[0][0]) if rows else None

    def all_of(self, kind: Kind, namespace: str | None) -> list[Obj]:
        """All of a kind, by namespace and name."""
        rows = self._rows(
            "SELECT body FROM objects WHERE api_version=? AND kind=? AND (? IS NULL OR namespace=?)"
            " ORDER BY namespace, name",
            (kind.api_version, kind.kind, namespace, namespace),
        )
        return [_load(body) for (body,) in rows]

    def put(self, ref: Ref, obj: Obj, change: str) -> Obj:
        """Stores the object under the next version; returns it with that resourceVersion."""
        version = self._log(ref, obj, change)
        obj["metadata"]["resourceVersion"] = str(version)
        body = json.dumps(obj)
        self._db.execute("UPDATE changes SET body=? WHERE version=?", (body, version))
        self._db.execute(
            "INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?,?)",
            (*_key(ref), obj["metadata"]["uid"], body),
        )
        self._own(ref, obj)
        return obj

    def remove(self, ref: Ref, obj: Obj) -> None:
        """Deletes the object; watchers see its last state."""
        self._log(ref, obj, "DELETED")
        self._db.execute(
            "DELETE FROM objects WHERE api_version=? AND kind=? AND namespace=? AND name=?",
            _key(ref),
        )
        self._db.execute(
            "DELETE FROM owners WHERE api_version=? AND kind=? AND namespace=? AND name=?",
            _key(ref),
        )

    def owned_by(self, uid: str) -> list[tuple[str, str, str, str]]:
        """(api version, kind, namespace, name) of the objects that name this owner."""
        query = "SELECT api_version, kind, namespace, name FROM owners WHERE owner_uid=?"
        return [(row[0], row[1], row[2], row[3]) for row in self._rows(query, (uid,))]

    def exists_uid(self, uid: str) -> bool:
        """Whether any object has this uid."""
        return bool(self._rows("SELECT 1 FROM objects WHERE uid=? LIMIT 1", (uid,)))

    def version(self) -> int:
        """The newest change's version."""
        rows = self._rows("SELECT seq FROM sqlite_sequence WHERE name='changes'")
        return int(rows[0][0]) if rows else 0

    def changes(
        self, kind: Kind, namespace: str | None, after: int
    ) -> Iterator[tuple[int, WatchEvent]]:
        """What happened to a kind after a version, in order."""
        rows = self._rows(
            "SELECT version, type, body FROM changes WHERE version>? AND api_version=? AND kind=?"
            " AND (? IS NULL OR namespace=?) ORDER BY version",
            (after, kind.api_version, kind.kind, namespace, namespace),
        )
        for version, change, body in rows:
            yield version, WatchEvent(change, _load(body))

    def close(self) -> None:
        """Closes the file; may be called twice."""
        self._db.close()

    def _log(self, ref: Ref, obj: Obj, change: str) -> int:
        done = self._db.execute(
            "INSERT INTO changes (type, api_version, kind, namespace, body) VALUES (?,?,?,?,?)",
            (change, ref.kind.api_version, ref.kind.kind, ref.namespace, json.dumps(obj)),
        )
        version = int(done.lastrowid or 0)
        self._db.execute("DELETE FROM changes WHERE version<=?", (version - KEPT_CHANGES,))
        return version

    def _own(self, ref: Ref, obj: Obj) -> None:
        self._db.execute(
            "DELETE FROM owners WHERE api_version=? AND kind=? AND namespace=? AND name=?",
            _key(ref),
        )
        uids = {o["uid"] for o in obj["metadata"].get("ownerReferences", [])}
        self._db.executemany(
            "INSERT OR REPLACE INTO owners VALUES (?,?,?,?,?)", [(uid, *_key(ref)) for uid in uids]
        )


def _key(ref: Ref) -> tuple[str, str, str, str]:
    return ref.kind.api_version, ref.kind.kind, ref.namespace, ref.name


def _unavailable(path: Path, error: sqlite3.Error) -> Unavailable:
    return Unavailable(503, "ServiceUnavailable", f"{path}: {error}")


def _load(body: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(body)
    return loaded
