"""A profile of each column while it passes: nulls, NaN, range, mean, lengths, an estimate of distinct values.

Used by `ingest.copy` only. Texts are profiled by length: a results document is no place for people's
names. Memory per column does not depend on the number of rows. Pure.
"""

from __future__ import annotations

import datetime as dt
import math
import zlib
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

KEPT = 4_096  # hashes; the estimate's standard error is 1/sqrt(KEPT) = 1.6 %
TOP = float(2**64)
DIGITS = 10  # of a mean: the last ones depend on the order of adding

Hashes = npt.NDArray[np.uint64]


class Distinct:
    """Counts distinct values: exactly up to KEPT, then from the smallest KEPT hashes."""

    def __init__(self) -> None:
        self._least: Hashes = np.empty(0, np.uint64)

    def update(self, values: pa.Array) -> None:
        """Adds the values of a batch that are not null."""
        hashes = np.concatenate([self._least, _hashes(pc.unique(values))])
        self._least = np.unique(hashes)[:KEPT]

    def estimate(self) -> int:
        """How many there are."""
        if len(self._least) < KEPT:
            return len(self._least)
        return round((KEPT - 1) * TOP / float(self._least[-1]))


def _hashes(values: pa.Array) -> Hashes:
    """64 well mixed bits per value, the same in every process."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        words = [one.encode() for one in values.to_pylist()]
    elif pa.types.is_boolean(values.type):
        return _mix(values.cast(pa.uint8()).to_numpy().astype(np.uint64))
    elif pa.types.is_temporal(values.type) and values.type.bit_width in (32, 64):
        whole = values.cast(pa.int32() if values.type.bit_width == 32 else pa.int64())  # noqa: PLR2004
        return _mix(whole.to_numpy().astype(np.int64).view(np.uint64))
    elif pa.types.is_integer(values.type):
        return _mix(values.to_numpy().astype(np.uint64))
    elif pa.types.is_floating(values.type):
        return _mix(values.cast(pa.float64(), safe=False).to_numpy().view(np.uint64))
    else:
        words = [str(one).encode() for one in values.to_pylist()]
    codes = (zlib.crc32(word) << 32 | zlib.adler32(word, len(word)) for word in words)
    return _mix(np.fromiter(codes, np.uint64, len(words)))


def _mix(x: Hashes) -> Hashes:
    """The finaliser of splitmix64: near values get hashes far apart."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


class _Column:
    """The running figures of one column."""

    def __init__(self, field: pa.Field) -> None:
        self._field = field
        self._distinct = Distinct()
        self._rows = self._nulls = self._nan = 0
        self._least: Any = None
        self._most: Any = None
        self._sum = 0.0
        self._count = 0

    def update(self, column: pa.Array) -> None:
        self._rows += len(column)
        self._nulls += column.null_count
        values = column.drop_null()
        if pa.types.is_floating(values.type) and len(values):
            finite = pc.is_finite(values)
            self._nan += pc.sum(pc.is_nan(values)).as_py() or 0
            values = values.filter(finite)
        if not len(values):
            return
        kind = values.type
        if _counted(kind):
            self._distinct.update(values)
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            self._range(pc.utf8_length(values))
        elif _ranged(kind):
            self._range(values)
            if not pa.types.is_temporal(kind):
                self._sum += float(pc.sum(values.cast(pa.float64(), safe=False)).as_py())
                self._count += len(values)

    def _range(self, values: pa.Array) -> None:
        found = pc.min_max(values).as_py()
        self._least = found["min"] if self._least is None else min(self._least, found["min"])
        self._most = found["max"] if self._most is None else max(self._most, found["max"])

    def entry(self) -> dict[str, Any]:
        kind = self._field.type
        entry: dict[str, Any] = {"name": self._field.name, "type": str(kind), "nulls": self._nulls}
        if pa.types.is_floating(kind):
            entry["nan"] = self._nan
        if _counted(kind):
            entry["distinct"] = self._distinct.estimate()
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            entry |= {"minLength": self._least, "maxLength": self._most}
        elif _ranged(kind):
            entry |= {"min": _plain(self._least), "max": _plain(self._most)}
        if self._count:
            mean = self._sum / self._count
            entry["mean"] = float(f"{mean:.{DIGITS}g}") if math.isfinite(mean) else None
        return entry


def _ranged(kind: pa.DataType) -> bool:
    numbers = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    times = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    return bool(numbers or times)


def _counted(kind: pa.DataType) -> bool:
    texts = pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)
    return bool(texts) or _ranged(kind)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return value.isoformat() if isinstance(value, dt.date) else value


class Profile:
    """Profiles of all columns of a table."""

    def __init__(self, schema: pa.Schema) -> None:
        self._columns = [_Column(field) for field in schema]

    def update(self, batch: pa.RecordBatch) -> None:
        """Adds a batch."""
        for one, column in zip(self._columns, batch.columns, strict=True):
            one.update(column)

    def entries(self) -> list[dict[str, Any]]:
        """One entry per column, in order; JSON values only."""
        return [one.entry() for one in self._columns]
