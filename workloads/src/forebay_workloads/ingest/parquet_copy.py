"""Writes Arrow batches as Parquet files into the workspace, one file at a time in memory.

Used by `pinned.py`. It knows neither what the rows are nor where they come from.
"""

from __future__ import annotations

import hashlib
import uuid
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from forebay_workloads.content import ContentDigest
from forebay_workloads.stores.base import BATCH_ROWS
from forebay_workloads.workspace import Workspace, fitted

FILE_BYTES = 48 << 20  # a file is closed here
GROUP_BYTES = 8 << 20  # rows of a row group wait until they are so many bytes, or BATCH_ROWS


class ParquetCopy:
    """Takes batches; `close` gives rows, digest and files; `sweep` removes what an earlier attempt left."""

    def __init__(self, workspace: Workspace, folder: str, schema: pa.Schema) -> None:
        self._workspace = workspace
        self._folder = f"{folder}/"
        self._generation = uuid.uuid4().hex[:12]
        self._schema = schema
        self._digest = ContentDigest(schema)
        self._files: list[dict[str, Any]] = []
        self._pending: list[pa.RecordBatch] = []
        self._rows = 0  # of the open file
        self._open()

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return self._digest.rows

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows; DataError SchemaMismatch when they do not fit the schema."""
        batch = fitted(batch, self._schema, "snapshot")
        if not batch.num_rows:
            return
        self._digest.update(batch)
        self._pending.append(batch)
        rows = sum(one.num_rows for one in self._pending)
        if rows >= BATCH_ROWS or sum(one.nbytes for one in self._pending) >= GROUP_BYTES:
            self._group()

    def close(self) -> dict[str, Any]:
        """Writes the last file."""
        self._group()
        if self._rows:
            self._put()
        self._writer.close()
        return {"rows": self.rows, "digest": self._digest.value(), "files": self._files}

    def sweep(self) -> None:
        """To be called when the manifest is there."""
        keep = {file["key"] for file in self._files} | {f"{self._folder}manifest.json"}
        for name in self._workspace.names(self._folder):
            if name not in keep:
                self._workspace.delete(name)

    def _open(self) -> None:
        self._sink = pa.BufferOutputStream()
        self._writer = parquet.ParquetWriter(
            self._sink, self._schema, compression="zstd", version="2.6"
        )
        self._rows = 0

    def _group(self) -> None:
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending, self._schema)
        self._pending = []
        self._writer.write_table(table, row_group_size=BATCH_ROWS)
        self._rows += table.num_rows
        if self._sink.tell() >= FILE_BYTES:
            self._put()
            self._open()

    def _put(self) -> None:
        """Closes the open file and keeps it."""
        self._writer.close()
        data = self._sink.getvalue().to_pybytes()
        key = f"{self._folder}{self._generation}/part-{len(self._files):05}.parquet"
        self._workspace.put(key, data)
        digest = "sha256:" + hashlib.sha256(data).hexdigest()
        self._files.append({"key": key, "rows": self._rows, "bytes": len(data), "digest": digest})
        self._rows = 0
