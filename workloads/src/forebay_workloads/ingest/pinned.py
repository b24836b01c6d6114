"""`snapshot.mode: Pinned` on a store that cannot pin: the run's own copy of the table, which all its readers read.

Used by ingest, preprocess and train where they open what they read. The copy is Parquet files and a manifest in the
run's workspace; the manifest is written last, so an attempt that was killed leaves no half of a copy. It says
what was read and repeats it. It cannot make one moment of what a scan saw while others wrote, and its strength says so.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyarrow import ipc, parquet

from forebay_workloads.contract import Progress
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.ingest.parquet_copy import ParquetCopy
from forebay_workloads.ingest.whole import whole
from forebay_workloads.stage import Stage
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import BATCH_ROWS, COPIED, Reader, Snapshot, Split, Store
from forebay_workloads.workspace import Workspace, plain


def reader(stage: Stage, place: Mapping[str, Any], store: Store) -> Reader:
    """The store itself; or, where `place` asks for a pin that the store cannot give, the run's copy of the table.

    Raises:
        ConfigError: FieldNotSupportedInMode where Parquet has no type for a column; what the store raises.
        DataError: DigestMismatch when a copy is not what was written; SnapshotExpired when rows were lost.
    """
    if (place.get("snapshot") or {}).get("mode") != "Pinned":
        return store
    name, table = str(place["storeRef"]["name"]), str(place["table"])
    folder = f"snapshot/{hashlib.sha256(f'{name}/{table}'.encode()).hexdigest()[:16]}"
    manifest = stage.workspace.read_json(f"{folder}/manifest")
    if manifest is None:
        snapshot = store.snapshot(table)
        if snapshot.strength == "Pinned":
            return store
        manifest = _copy(stage, store, snapshot, folder)
    return Copy(name, stage.workspace, folder, manifest)


def pace(snapshot: Snapshot, limit: float | None) -> float | None:
    """The store's limit, which a copy does not have."""
    return None if snapshot.strength == COPIED else limit


def remark(place: Mapping[str, Any], snapshot: Snapshot) -> str | None:
    """For the stage's status, where a pin was asked for: the strength that really holds."""
    return f"snapshot {snapshot.strength}" if place.get("snapshot") else None


def _copy(stage: Stage, store: Store, snapshot: Snapshot, folder: str) -> dict[str, Any]:
    """Reads the table once, files first, manifest last."""
    table, began = snapshot.table, _now()
    schema = plain(store.schema(table))
    limit = stage.ref(store.name).limits.get("rowsPerSecond")
    try:
        writer = ParquetCopy(stage.workspace, folder, schema)
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid) as error:
        message = (
            f"snapshot.mode Pinned: {table!r} in {store.name} cannot be kept as Parquet: {cut(error)}; "
            "leave the field out"
        )
        raise ConfigError("FieldNotSupportedInMode", message) from error
    for batch in whole(store, snapshot, limit):
        stage.check_stopping()
        writer.write(batch)
        stage.progress(Progress(stage.doc.stage, rows=writer.rows, message="pinning by a copy"))
    manifest = {
        "store": store.name,
        "schema": base64.b64encode(schema.serialize().to_pybytes()).decode(),
        "source": asdict(snapshot),
        "began": began,
        "ended": _now(),
        **writer.close(),
    }
    stage.workspace.write_json(f"{folder}/manifest", manifest)
    writer.sweep()
    stage.log(f"{table!r} in {store.name}: {writer.rows:,} rows pinned by a copy")
    return manifest


class Copy:
    """What was copied, read as a store's table is."""

    def __init__(
        self, name: str, workspace: Workspace, folder: str, manifest: Mapping[str, Any]
    ) -> None:
        self.name = name
        self._workspace = workspace
        self._folder = folder
        self._manifest = manifest
        self._schema = ipc.read_schema(pa.py_buffer(base64.b64decode(manifest["schema"])))

    def schema(self, table: str) -> pa.Schema:
        """Columns and types as they were when the table was copied."""
        self._check(table)
        return self._schema

    def snapshot(self, table: str) -> Snapshot:
        """Rows and digest of the copy, how weakly the store itself could pin it, and when it was read."""
        self._check(table)
        one = self._manifest
        at = {
            "copy": self._workspace.key(self._folder),
            "files": len(one["files"]),
            "store": one["source"]["strength"],
            "began": one["began"],
            "ended": one["ended"],
        }
        return Snapshot(table, COPIED, int(one["rows"]), str(one["digest"]), at)

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Consecutive files."""
        files = len(self._manifest["files"])
        parts = max(1, min(count, files))
        borders = [files * index // parts for index in range(parts + 1)]
        return [
            Split(snapshot, index, parts, {"from": borders[index], "to": borders[index + 1]})
            for index in range(parts)
        ]

    def scan(
        self, split: Split, columns: Sequence[str] | None = None, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Rows in the order of the copy; DataError DigestMismatch when a file is not what was written."""
        schema = checks.selected(split.snapshot.table, self._schema, columns)
        for file in self._manifest["files"][split.at["from"] : split.at["to"]]:
            with parquet.ParquetFile(self._load(file)) as opened:
                for batch in opened.iter_batches(batch_rows, columns=schema.names):
                    yield batch.select(schema.names).cast(schema)

    def _load(self, file: Mapping[str, Any]) -> pa.BufferReader:
        data = self._workspace.get(file["key"])
        if data is None or "sha256:" + hashlib.sha256(data).hexdigest() != file["digest"]:
            key = self._workspace.key(file["key"])
            said = "is gone" if data is None else f"is not what was written ({file['digest']})"
            raise DataError(
                "DigestMismatch", f"{key}, a part of a pinned copy, {said}; start a new run"
            )
        return pa.BufferReader(data)

    def _check(self, table: str) -> None:
        if table != self._manifest["source"]["table"]:
            message = f"the copy is of {self._manifest['source']['table']!r}, not of {table!r}"
            raise ConfigError("ReferenceMissing", message)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
