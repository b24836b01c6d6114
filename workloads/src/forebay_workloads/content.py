"""The digest of a data set's logical content: equal rows give equal digests however they were batched.

Used by the workspace for every data set it keeps. Each column feeds hashes of its own (validity, values,
lengths), so neither the size of a batch, nor padding, nor what lies under a null changes the outcome.
Pure: no I/O.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.errors import ConfigError

_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list, pa.types.is_map)


class ContentDigest:
    """A running digest: `update` with each batch in order, then `value`."""

    def __init__(self, schema: pa.Schema) -> None:
        self._schema = schema
        self._hashes: dict[str, Any] = {}
        self.rows = 0

    def update(self, batch: pa.RecordBatch) -> None:
        """Adds a batch; its columns are those of the schema, in order."""
        for index, column in enumerate(batch.columns):
            self._feed(str(index), column)
        self.rows += batch.num_rows

    def value(self) -> str:
        """`sha256:<hex>` over names, types, number of rows and the columns' content."""
        parts = {path: one.hexdigest() for path, one in self._hashes.items()}
        columns = [(column.name, str(column.type)) for column in self._schema]
        text = json.dumps([columns, self.rows, sorted(parts.items())])
        return "sha256:" + hashlib.sha256(text.encode()).hexdigest()

    def _hash(self, path: str, data: Any) -> None:
        if len(data):
            self._hashes.setdefault(path, hashlib.sha256()).update(data)

    def _feed(self, path: str, array: pa.Array) -> None:
        kind = array.type
        if pa.types.is_dictionary(kind):
            self._feed(path, array.dictionary_decode())
            return
        if isinstance(array, pa.ExtensionArray):
            self._feed(path, array.storage)
            return
        self._hash(path + "?", _bytes(pc.is_valid(array)))
        if pa.types.is_null(kind):
            return
        if pa.types.is_boolean(kind):
            self._hash(path, _bytes(pc.fill_null(array, False)))
        elif any(test(kind) for test in (*_TEXT, *_BYTES)):
            self._feed_text(path, array)
        elif any(test(kind) for test in _LISTS):
            lengths = pc.fill_null(pc.list_value_length(_plain_list(array)), 0)
            self._hash(path + "#", np.ascontiguousarray(lengths.to_numpy(), np.int64).data)
            self._feed(path + ".0", _plain_list(array).flatten())
        elif pa.types.is_struct(kind):
            for index, child in enumerate(array.flatten()):
                self._feed(f"{path}.{index}", child)
        else:
            self._hash(path, _fixed(array))

    def _feed_text(self, path: str, array: pa.Array) -> None:
        text = any(test(array.type) for test in _TEXT)
        wide = array.cast(pa.large_string() if text else pa.large_binary())
        filled = pc.fill_null(wide, "" if text else b"")
        _, offsets, data = filled.buffers()
        ends = np.frombuffer(offsets, np.int64, len(filled) + 1, filled.offset * 8)
        self._hash(path + "#", np.diff(ends).data)
        if data is not None:
            self._hash(path, memoryview(data)[ends[0] : ends[-1]])


def _plain_list(array: pa.Array) -> pa.Array:
    """A map as the list of structs that it is; other lists as they are."""
    if not pa.types.is_map(array.type):
        return array
    return array.cast(pa.list_(pa.struct([array.type.key_field, array.type.item_field])))


def _bytes(flags: pa.Array) -> Any:
    """One byte per row of a boolean array without nulls."""
    return flags.cast(pa.uint8()).to_numpy().data


def _fixed(array: pa.Array) -> Any:
    """The value bytes of a fixed-width array: zero under nulls, one bit pattern for every NaN."""
    try:
        width = array.type.bit_width // 8
        data = array.buffers()[1]
    except (ValueError, IndexError) as error:
        message = f"columns of type {array.type} cannot be kept in the workspace; cast them first"
        raise ConfigError("SchemaMismatch", message) from error
    if data is None or not len(array):
        return b""
    values = np.frombuffer(data, np.uint8, len(array) * width, array.offset * width)
    if array.null_count:
        values = values.reshape(-1, width).copy()
        values[~pc.is_valid(array).to_numpy(zero_copy_only=False)] = 0
    if pa.types.is_floating(array.type):
        floats = values.reshape(-1).view(f"f{width}")
        odd = np.isnan(floats)
        if odd.any():
            floats = floats.copy()
            floats[odd] = np.nan
        values = floats.view(np.uint8)
    return np.ascontiguousarray(values).reshape(-1).data
