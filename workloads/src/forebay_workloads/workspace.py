"""The workspace: what the stages of one run hand to each other, kept as blobs of a store.

Every stage opens it (`Stage.workspace`). A data set is a row of Arrow IPC files of at most 64 MiB and a
manifest; the manifest is written last and replaced in one step, so a reader sees the old data set or
the new one and never a part of either. Keys lie below the run's own prefix; two runs share nothing.
It knows blobs only: no tables, no paths of its own making.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.content import ContentDigest
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.recipes.base import Dataset
from forebay_workloads.stores.base import BATCH_ROWS, Store

PART_BYTES = (
    48 << 20
)  # a part is closed here, so that headers and one more batch keep it below 64 MiB
PIECE_BYTES = 8 << 20  # the largest record batch inside a part (one huge row may be larger)


class Workspace:
    """Data sets, JSON documents and bytes by name, below `prefix` in `store`."""

    def __init__(self, store: Store, prefix: str) -> None:
        self.store = store
        self.prefix = prefix.strip("/")

    def key(self, name: str) -> str:
        """The blob key of a name; for messages and for `Result.detail`."""
        return f"{self.prefix}/{name}"

    def local_path(self, name: str) -> Path | None:
        """Where the blob of a name lies on this machine, for stores that offer `local_path(key)`."""
        local: Callable[[str], Path | None] | None = getattr(self.store, "local_path", None)
        return None if local is None else local(self.key(name))

    def put(self, name: str, data: bytes) -> str:
        """Keeps bytes under a name, in place of what was there. Returns `sha256:<hex>`."""
        return self.store.put_blob(self.key(name), io.BytesIO(data)).digest

    def get(self, name: str) -> bytes | None:
        """The bytes of a name, or None; DataError DigestMismatch when they are not what was put."""
        stream = _open(self.store, self.key(name))
        if stream is None:
            return None
        with stream:
            return stream.read()

    def delete(self, name: str) -> None:
        """Forgets a name; no error when there is none."""
        self.store.delete_blob(self.key(name))

    def names(self, prefix: str = "") -> list[str]:
        """The names that start with `prefix`, sorted."""
        start = len(self.prefix) + 1
        return [blob.key[start:] for blob in self.store.list_blobs(self.key(prefix))]

    def write_json(self, name: str, value: Any) -> str:
        """Keeps a JSON document (`.json` is added when the name lacks it). Returns its digest.

        JSON has no word for NaN and infinity: they are kept as null.
        """
        text = json.dumps(_finite(value), sort_keys=True, indent=1, allow_nan=False)
        return self.put(_json_name(name), text.encode())

    def read_json(self, name: str) -> Any | None:
        """The document, or None; DataError DigestMismatch when it cannot be read back."""
        data = self.get(_json_name(name))
        try:
            return None if data is None else json.loads(data)
        except ValueError as error:
            message = f"{self.key(_json_name(name))} is no JSON document: {cut(error)}"
            raise DataError("DigestMismatch", message) from error

    def writer(self, name: str, schema: pa.Schema) -> DatasetWriter:
        """Starts a data set; nothing of it is visible before `DatasetWriter.close`."""
        return DatasetWriter(self, name, schema)

    def write_dataset(
        self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]
    ) -> Dataset:
        """Streams batches into the data set `name`, in place of what it held, and returns it."""
        writer = self.writer(name, schema)
        for batch in batches:
            writer.write(batch)
        return writer.close()

    def remove_dataset(self, name: str) -> None:
        """Forgets a data set, its manifest first; no error when there is none."""
        self.delete(f"data/{name}/manifest.json")
        for part in self.names(f"data/{name}/"):
            self.delete(part)

    def dataset(self, name: str) -> Dataset | None:
        """The data set of that name, or None. Its parts are checked when they are read."""
        manifest = self.read_json(f"data/{name}/manifest")
        if manifest is None:
            return None
        try:
            schema = ipc.read_schema(pa.py_buffer(base64.b64decode(manifest["schema"])))
            parts = [(str(part["key"]), str(part["digest"])) for part in manifest["parts"]]
            rows, digest = int(manifest["rows"]), str(manifest["digest"])
        except (KeyError, TypeError, ValueError, pa.ArrowInvalid) as error:
            message = f"the manifest of data set {name!r} is damaged: {cut(error)}"
            raise DataError("DigestMismatch", message) from error
        return Dataset(name, rows, schema, digest, _Parts(self, parts).read)


class DatasetWriter:
    """Takes batches, keeps at most one part in memory, and makes the data set visible at `close`."""

    def __init__(self, workspace: Workspace, name: str, schema: pa.Schema) -> None:
        self._workspace = workspace
        self._name = name
        self.schema = plain(schema)
        self._folder = f"data/{name}/"
        self._generation = uuid.uuid4().hex[
            :12
        ]  # so that a reader's parts outlive a rewrite in progress
        self._digest = ContentDigest(self.schema)
        self._parts: list[dict[str, Any]] = []
        self._pending: list[pa.RecordBatch] = []  # small batches, waiting to become one
        self._waiting = (0, 0)  # their rows and bytes
        self._part: list[pa.RecordBatch] = []

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return self._digest.rows

    def write(self, batch: pa.RecordBatch) -> None:
        """Adds rows; DataError SchemaMismatch when they do not fit the schema."""
        batch = fitted(batch, self.schema, self._name)
        if not batch.num_rows:
            return
        self._digest.update(batch)
        for piece in _pieces(batch):
            rows, size = self._waiting
            if rows + piece.num_rows > BATCH_ROWS or size + piece.nbytes > PIECE_BYTES:
                self._merge()
                rows, size = self._waiting
            self._pending.append(piece)
            self._waiting = (rows + piece.num_rows, size + piece.nbytes)

    def close(self) -> Dataset:
        """Writes the last part, then the manifest, then removes what the manifest does not name."""
        self._merge()
        self._flush()
        manifest = {
            "rows": self._digest.rows,
            "digest": self._digest.value(),
            "schema": base64.b64encode(self.schema.serialize().to_pybytes()).decode(),
            "columns": [{"name": field.name, "type": str(field.type)} for field in self.schema],
            "parts": self._parts,
        }
        self._workspace.write_json(self._folder + "manifest", manifest)
        keep = {part["key"] for part in self._parts} | {self._folder + "manifest.json"}
        for name in self._workspace.names(self._folder):
            if name not in keep:
                self._workspace.delete(name)
        written = self._workspace.dataset(self._name)
        if written is None:
            raise DataError(
                "DigestMismatch", f"data set {self._name!r} was written and is not there"
            )
        return written

    def _merge(self) -> None:
        """Makes one record batch of the pending pieces; closes the part first when it would not fit."""
        if not self._pending:
            return
        table = pa.Table.from_batches(self._pending, self.schema).combine_chunks()
        self._pending, self._waiting = [], (0, 0)
        for batch in table.to_batches():
            if self._part and _size([*self._part, batch]) > PART_BYTES:
                self._flush()
            self._part.append(batch)

    def _flush(self) -> None:
        if not self._part:
            return
        key = f"{self._folder}{self._generation}/part-{len(self._parts):05}.arrow"
        data = _encode(self.schema, self._part, compress=self._workspace.local_path(key) is None)
        info = self._workspace.store.put_blob(self._workspace.key(key), pa.BufferReader(data))
        rows = sum(batch.num_rows for batch in self._part)
        self._parts.append({"key": key, "rows": rows, "bytes": info.size, "digest": _sha256(data)})
        self._part = []


class _Parts:
    """Reads a data set's parts in order, checking each against the manifest."""

    def __init__(self, workspace: Workspace, parts: list[tuple[str, str]]) -> None:
        self._workspace = workspace
        self._parts = parts
        self._checked: set[str] = set()  # local parts: a second epoch need not hash them again

    def read(self) -> Iterator[pa.RecordBatch]:
        for key, digest in self._parts:
            data = self._load(key)
            if key not in self._checked and _sha256(data) != digest:
                raise DataError(
                    "DigestMismatch",
                    f"{self._workspace.key(key)} is not what was written ({digest}); "
                    "run the stage that writes it again",
                )
            if self._workspace.local_path(key):
                self._checked.add(key)
            with ipc.open_file(data) as reader:
                for index in range(reader.num_record_batches):
                    yield reader.get_batch(index)

    def _load(self, key: str) -> pa.Buffer:
        """A memory map of a local file (uncompressed, so batches point into it), or the bytes."""
        path = self._workspace.local_path(key)
        if path is not None and path.is_file():
            return pa.memory_map(str(path)).read_buffer()
        stream = _open(self._workspace.store, self._workspace.key(key))
        if stream is None:
            message = f"{self._workspace.key(key)} is gone; run the stage that writes it again"
            raise DataError("DigestMismatch", message)
        with stream:
            return pa.py_buffer(stream.read())


def _open(store: Store, key: str) -> BinaryIO | None:
    try:
        return store.open_blob(key)
    except ConfigError as error:
        if error.reason == "ReferenceMissing":
            return None
        raise


def _json_name(name: str) -> str:
    return name if name.endswith(".json") else name + ".json"


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return value


def _sha256(data: pa.Buffer) -> str:
    return "sha256:" + hashlib.sha256(memoryview(data)).hexdigest()


def _size(batches: list[pa.RecordBatch]) -> int:
    return sum(batch.nbytes for batch in batches)


def plain(schema: pa.Schema) -> pa.Schema:
    """The schema without metadata and dictionaries: an IPC file cannot change a dictionary half-way."""
    types = [
        (field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
        for field in schema
    ]
    return pa.schema(types)


def fitted(batch: pa.RecordBatch, schema: pa.Schema, name: str) -> pa.RecordBatch:
    """The batch with the types of the schema; DataError SchemaMismatch when they do not fit."""
    if batch.schema.equals(schema):
        return batch
    try:
        return batch.select(schema.names).cast(schema)
    except (KeyError, pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        message = f"rows for data set {name!r} have columns {batch.schema.names}: {cut(error)}"
        raise DataError("SchemaMismatch", message) from error


def _pieces(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """The batch in slices of bounded rows and bytes, in order."""
    if batch.num_rows <= 1 or (batch.num_rows <= BATCH_ROWS and batch.nbytes <= PIECE_BYTES):
        yield batch
        return
    half = batch.num_rows // 2
    yield from _pieces(batch.slice(0, half))
    yield from _pieces(batch.slice(half))


def _encode(schema: pa.Schema, batches: list[pa.RecordBatch], *, compress: bool) -> pa.Buffer:
    """One Arrow IPC file; compressed only where it cannot be mapped into memory anyway."""
    sink = pa.BufferOutputStream()
    codec = "lz4" if compress and pa.Codec.is_available("lz4") else None
    with ipc.new_file(sink, schema, options=ipc.IpcWriteOptions(compression=codec)) as writer:
        for batch in batches:
            writer.write_batch(batch)
    return sink.getvalue()


def described(dataset: Dataset) -> Mapping[str, Any]:
    """Rows, digest and columns: how results documents speak of a data set."""
    columns = [{"name": field.name, "type": str(field.type)} for field in dataset.schema]
    return {"rows": dataset.rows, "digest": dataset.digest, "columns": columns}
