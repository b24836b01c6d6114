"""Tables that a files store writes: a folder of Parquet parts and a manifest that names the parts.

Used by `files.py` only. Parts are never changed: an upsert writes new parts for the rows it touches, then
replaces the manifest in one step, so a reader sees the table before or after. A writer keeps eight bytes
per row of the table in memory to know which parts a key may be in, and reads one part at a time.
On a local file system writers of several processes take turns; elsewhere a table has one writer.
"""

from __future__ import annotations

import base64
import fcntl
import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import ipc
from pyarrow import parquet as pq

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.errors import ConfigError, DataError, RetryableError, cut
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.file_tree import Tree, guarded
from forebay_workloads.stores.rows import upserted

MANIFEST = "_table.json"
PART_ROWS = 131_072  # a part is filled up to this by later writes

Key = tuple[Any, ...]
Hashes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Part:
    """One Parquet file of a table."""

    name: str
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What a table consists of."""

    schema: pa.Schema
    key: list[str]
    version: int = 0
    parts: Sequence[Part] = ()

    def to_json(self) -> bytes:
        """The manifest file's content."""
        packed = base64.b64encode(self.schema.serialize().to_pybytes()).decode()
        parts = [{"name": part.name, "rows": part.rows} for part in self.parts]
        columns = [{"name": one.name, "type": str(one.type)} for one in self.schema]
        value = {"schema": packed, "columns": columns, "key": self.key, "version": self.version}
        return json.dumps({**value, "parts": parts}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes, where: str) -> Manifest:
        """Reads what `to_json` wrote; DataError DigestMismatch when it is damaged."""
        try:
            raw = json.loads(data)
            schema = ipc.read_schema(pa.py_buffer(base64.b64decode(raw["schema"])))
            parts = [Part(str(one["name"]), int(one["rows"])) for one in raw["parts"]]
            return cls(schema, [str(name) for name in raw["key"]], int(raw["version"]), parts)
        except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
            raise DataError("DigestMismatch", f"{where} is damaged: {cut(error)}") from error


@dataclass
class _Change:
    """The parts of a table after a write, and what has to be written and removed for it."""

    parts: list[Part] = field(default_factory=list)
    gone: list[Part] = field(default_factory=list)
    fresh: dict[str, pa.Table] = field(default_factory=dict)


class FileTables:
    """Keyed tables below a tree's root."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._hashes: dict[str, Hashes] = {}  # part's path → a hash of each row's key, sorted

    def manifest(self, table: str) -> Manifest | None:
        """The table's manifest, or None when the name is no table of ours."""
        self._tree.full(table)
        path = f"{table}/{MANIFEST}"
        if "*" in table or not self._tree.exists(path):
            return None
        return Manifest.from_json(self._tree.read(path), self._tree.shown(path))

    def ensure(self, table: str, schema: pa.Schema, key: list[str]) -> None:
        """Creates the table, or checks that it has these columns and this key."""
        schema = plain_schema(schema)
        checks.key_in_schema(table, schema, key)
        if self.manifest(table) is None:
            self._check_free(table)
            _check_parquet(table, schema)
            self._tree.make_folder(table)
        with self._turn(
            table
        ):  # two runs may create it at once: the second must find the first one's rows
            found = self.manifest(table)
            if found is None:
                self._save(table, Manifest(schema, key))
                return
        checks.same_table(table, schema, key, found.schema, found.key)

    def _check_free(self, table: str) -> None:
        if any(letter in table for letter in "*?[") or not table.strip("/"):
            raise ConfigError(
                "SchemaMismatch", f"{table!r} is a pattern; a table to write has a plain name"
            )
        if self._tree.exists(table) and (not self._tree.is_folder(table) or self._tree.walk(table)):
            message = (
                f"{self._tree.shown(table)} holds files that were not written by a pipeline; "
                "write to a table of another name"
            )
            raise ConfigError("NameConflict", message)

    def _save(self, table: str, manifest: Manifest) -> None:
        self._tree.write(f"{table}/{MANIFEST}", [manifest.to_json()])

    def write(self, table: str, batch: pa.RecordBatch, key: list[str]) -> WriteReport:
        """Upserts by key; all of it is visible at once."""
        with self._turn(table):
            manifest = self._found(table)
            checks.same_key(table, key, manifest.key)
            checks.known_columns(table, batch.schema, manifest.schema)
            return upserted(batch, manifest.schema, key, partial(self._put, table, manifest))

    def _put(self, table: str, manifest: Manifest, rows: pa.RecordBatch) -> dict[int, str]:
        """Those that could not be kept are left out already."""
        self._apply(table, manifest, rows)
        return {}

    def _found(self, table: str) -> Manifest:
        manifest = self.manifest(table)
        if manifest is None:
            message = f"{self._tree.shown(table)} is no table that can be written; create it first"
            raise ConfigError("ReferenceMissing", message)
        return manifest

    @contextmanager
    def _turn(self, table: str) -> Iterator[None]:
        """One writer at a time, on a local file system."""
        folder = Path(self._tree.full(table))
        if not self._tree.local or not folder.is_dir():
            yield
            return
        with guarded(str(folder)):
            lock = (folder / ".lock").open("wb")
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _apply(self, table: str, manifest: Manifest, rows: pa.RecordBatch) -> None:
        newest = {one: index for index, one in enumerate(keys_of(rows, manifest.key))}
        change = _Change()
        for part in manifest.parts:
            self._update(table, part, manifest, rows, newest, change)
        if newest:
            self._append(table, rows.take(list(newest.values())), change)
        if not change.fresh:
            return  # every row is there already as it is
        try:
            for name, content in change.fresh.items():
                self._tree.fill(f"{table}/{name}", [_encode(content)])
            self._check_version(table, manifest)
            parts = tuple(change.parts)
            self._save(table, Manifest(manifest.schema, manifest.key, manifest.version + 1, parts))
        except BaseException:
            for name in change.fresh:
                self._tree.remove(f"{table}/{name}")
            raise
        for part in change.gone:
            self._tree.remove(f"{table}/{part.name}")

    def _check_version(self, table: str, manifest: Manifest) -> None:
        if self._found(table).version != manifest.version:
            message = f"{self._tree.shown(table)} is being written by another process"
            raise RetryableError("StoreThrottled", message)

    def _update(
        self,
        table: str,
        part: Part,
        manifest: Manifest,
        rows: pa.RecordBatch,
        newest: dict[Key, int],
        change: _Change,
    ) -> None:
        """Replaces the rows of one part whose keys are written; takes these keys out of `newest`."""
        hashes = np.fromiter(map(hash, newest), np.int64, len(newest))
        if not np.isin(hashes, self.hashes(table, part, manifest.key)).any():
            change.parts.append(part)
            return
        old = self.part(table, part)
        places = [newest.pop(one, None) for one in keys_of(old, manifest.key)]
        both = pa.concat_tables([old, pa.Table.from_batches([rows])])
        take = [i if place is None else len(old) + place for i, place in enumerate(places)]
        new = both.take(take)
        if new.equals(old):
            change.parts.append(part)
            return
        change.gone.append(part)
        self._add(new, change)

    def _append(self, table: str, rows: pa.RecordBatch, change: _Change) -> None:
        new = pa.Table.from_batches([rows])
        last = change.parts[-1] if change.parts else None
        if last is not None and last.rows + len(new) <= PART_ROWS:
            change.parts.pop()
            if last.name in change.fresh:
                old = change.fresh.pop(last.name)
            else:
                old = self.part(table, last)
                change.gone.append(last)
            new = pa.concat_tables([old, new])
        self._add(new, change)

    @staticmethod
    def _add(content: pa.Table, change: _Change) -> None:
        part = Part(f"part-{uuid.uuid4().hex}.parquet", len(content))
        change.fresh[part.name] = content.combine_chunks()
        change.parts.append(part)

    def part(self, table: str, part: Part, columns: Sequence[str] | None = None) -> pa.Table:
        """One part, or some of its columns."""
        data = self._tree.read(f"{table}/{part.name}")
        return pq.read_table(
            pa.BufferReader(data), columns=None if columns is None else list(columns)
        )

    def hashes(self, table: str, part: Part, key: list[str]) -> Hashes:
        """A hash of each row's key; of this process only, kept because parts never change."""
        path = f"{table}/{part.name}"
        if path not in self._hashes:
            keys = keys_of(self.part(table, part, key), key)
            self._hashes[path] = np.sort(np.fromiter(map(hash, keys), np.int64, len(keys)))
        return self._hashes[path]


def keys_of(rows: pa.RecordBatch | pa.Table, key: Sequence[str]) -> list[Key]:
    """Each row's key as a tuple of Python values."""
    return list(zip(*(rows.column(name).to_pylist() for name in key), strict=True))


def _check_parquet(table: str, schema: pa.Schema) -> None:
    """Refuses what Parquet cannot hold before anything is there."""
    try:
        _encode(schema.empty_table())
    except pa.ArrowException as error:
        raise ConfigError(
            "SchemaMismatch", f"table {table!r}: {cut(error)}; cast it first"
        ) from error


def _encode(content: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(content, sink, compression="zstd", row_group_size=PART_ROWS)
    return bytes(sink.getvalue())
