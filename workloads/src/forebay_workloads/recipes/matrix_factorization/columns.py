"""One column of a batch, as the numbers or ids that training needs, or as an error that names the row.

Rows are counted from 1 over the whole data set. Faults are gathered over all of it, so a message can say
how many there are; reading the data set ends with `Faults.check`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.errors import DataError, cut
from forebay_workloads.recipes.base import Dataset

Floats = np.ndarray[Any, Any]
_DAYS_OR_SECONDS = (pa.date32(), pa.time32("s"), pa.time32("ms"))  # 32 bits wide, all others 64
FLOAT32_MAX = 3.4e38  # what is larger becomes infinite in the arrays that training uses


@dataclass
class Faults:
    """What is wrong with a data set's rows: per kind, how many and where first."""

    dataset: str
    found: dict[str, tuple[int, int]] = field(default_factory=dict)  # kind → (count, first row)

    def add(self, kind: str, bad: np.ndarray[Any, Any], start: int) -> None:
        """Notes the rows of a batch where the mask `bad` is set; the batch starts after row `start`."""
        if not bad.any():
            return
        count, first = self.found.get(kind, (0, start + int(np.argmax(bad)) + 1))
        self.found[kind] = (count + int(bad.sum()), first)

    def check(self) -> None:
        """DataError SchemaMismatch when something was noted."""
        if not self.found:
            return
        parts = [
            f"{count} {kind} (the first in row {row})" for kind, (count, row) in self.found.items()
        ]
        raise DataError(
            "SchemaMismatch",
            f"data set {self.dataset}: {'; '.join(parts)}; leave such rows out in preprocess.sql",
        )


def require(dataset: Dataset, column: str, param: str) -> None:
    """DataError SchemaMismatch when the data set has no such column, naming those it has."""
    if column not in dataset.schema.names:
        there = ", ".join(dataset.schema.names) or "none"
        raise DataError(
            "SchemaMismatch",
            f"data set {dataset.name} has no column {column!r} (train.params.{param}); columns: {there}",
        )


def strings(batch: pa.RecordBatch, column: str, faults: Faults, start: int) -> pa.Array:
    """string[N]; a missing id is a fault."""
    array = batch.column(column)
    try:
        text = array.cast(pa.string())
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        _unfit(faults.dataset, column, array.type, "an id", error)
    if text.null_count:
        faults.add(f"missing {column!r}", pc.is_null(text).to_numpy(zero_copy_only=False), start)
        text = pc.fill_null(text, "")
    return text


def numbers(batch: pa.RecordBatch, column: str, faults: Faults, start: int) -> Floats:
    """float64[N]; missing, NaN and infinite values are faults."""
    array = batch.column(column)
    try:
        values = array.cast(pa.float64())
    except pa.ArrowInvalid as error:
        row = start + 1 + _first_unreadable(array)
        raise DataError(
            "SchemaMismatch",
            f"data set {faults.dataset}: {column!r} in row {row} is no number: {cut(error)}",
        ) from error
    except pa.ArrowNotImplementedError as error:
        _unfit(faults.dataset, column, array.type, "a number", error)
    result: Floats = values.to_numpy(zero_copy_only=False)
    faults.add(f"missing or non-finite {column!r}", ~(np.abs(result) < FLOAT32_MAX), start)
    return result


def times(batch: pa.RecordBatch, column: str, faults: Faults, start: int) -> Floats:
    """float64[N] that orders like the column: numbers, dates, timestamps, or ISO 8601 text."""
    array = batch.column(column)
    if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
        try:
            array = array.cast(pa.timestamp("us", "UTC" if _zoned(array) else None))
        except pa.ArrowInvalid as error:
            _unfit(faults.dataset, column, array.type, "a time (ISO 8601)", error)
    if pa.types.is_temporal(array.type):
        unit = pa.int32() if array.type in _DAYS_OR_SECONDS else pa.int64()
        array = array.cast(unit).cast(pa.float64(), safe=False)
    missing = pc.is_null(array).to_numpy(zero_copy_only=False)
    faults.add(f"missing {column!r}", missing, start)
    try:
        values: Floats = array.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        _unfit(faults.dataset, column, array.type, "a time", error)
    return values


def _zoned(array: pa.Array) -> bool:
    first = next((value.as_py() for value in array if value.is_valid), "")
    return first.endswith("Z") or "+" in first[10:]


def _first_unreadable(array: pa.Array) -> int:
    for index in range(len(array)):
        try:
            array.slice(index, 1).cast(pa.float64())
        except pa.ArrowInvalid:
            return index
    return 0


def _unfit(dataset: str, column: str, kind: pa.DataType, wanted: str, error: Exception) -> NoReturn:
    raise DataError(
        "SchemaMismatch",
        f"data set {dataset}: column {column!r} of type {kind} cannot be {wanted}: {cut(error)}",
    ) from error
