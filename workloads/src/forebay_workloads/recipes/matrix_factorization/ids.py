"""Ids of users and items: strings in first-seen order, numbered from 0. Used by data.py and model.py.

Ids of any simple type become strings (a whole number 7.0 becomes "7"), so that data, artefact and requests
speak of the same user whatever a store made of the number.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

Ints = np.ndarray[Any, np.dtype[np.int32]]
UNKNOWN = -1


class Ids:
    """A growing table from id to number."""

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = list(names or [])
        self._numbers = {name: number for number, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def number(self, column: pa.Array, *, grow: bool) -> Ints:
        """int32[N] for string[N]; an id not met before gets the next number, or UNKNOWN without `grow`."""
        encoded = column.dictionary_encode()
        distinct = [self._one(name, grow=grow) for name in encoded.dictionary.to_pylist()]
        numbers: Ints = np.array(distinct, np.int32)[encoded.indices.to_numpy(zero_copy_only=False)]
        return numbers

    def _one(self, name: str, *, grow: bool) -> int:
        if not grow:
            return self._numbers.get(name, UNKNOWN)
        number = self._numbers.setdefault(name, len(self.names))
        if number == len(self.names):
            self.names.append(name)
        return number


def pack(names: list[str]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Ids as (uint8 text, int64[N+1] offsets): how they lie beside the weights."""
    array = pa.array(names, pa.large_string())
    offsets = np.frombuffer(array.buffers()[1], np.int64, len(names) + 1)
    data = array.buffers()[2]
    text = (
        np.frombuffer(data, np.uint8, int(offsets[-1]))
        if data is not None
        else np.empty(0, np.uint8)
    )
    return text, offsets


def unpack(text: np.ndarray[Any, Any], offsets: np.ndarray[Any, Any]) -> list[str]:
    """The inverse of `pack`."""
    buffers = [
        None,
        pa.py_buffer(np.ascontiguousarray(offsets)),
        pa.py_buffer(np.ascontiguousarray(text)),
    ]
    names: list[str] = pa.Array.from_buffers(
        pa.large_string(), len(offsets) - 1, buffers
    ).to_pylist()
    return names
