"""What the codecs of records share: many records in, one batch and the list of poison out. Pure, no I/O.

A codec's `decode(records, schema)` returns `Decoded`. Used by json_records.py, avro_records.py, binary_records.py and
by whoever reads a topic. One bad record never costs a good one its place.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
import pyarrow as pa

from forebay_workloads.codecs.guess import TOLERATED, TOLERATED_FROM
from forebay_workloads.codecs.values import WRONG, column

REASON_LIMIT = 200  # characters: reasons become headers of dead letters

Row = dict[str, Any]
Bad = tuple[int, str]  # the record's index and why it is refused


@dataclass(frozen=True)
class Decoded:
    """Each record's index is in exactly one of `kept`, `bad` and `tombstones`; all three rise."""

    batch: pa.RecordBatch
    kept: Sequence[int]  # row of the batch → index of its record
    bad: Sequence[Bad] = ()
    tombstones: Sequence[int] = ()  # records whose value is None: their key is deleted
    unknown: Mapping[str, Sequence[int]] = field(default_factory=dict)
    """Fields that the schema lacks → the records, of those kept, that have them. They are not in the batch."""


class Codec(Protocol):
    """Values of one encoding ⇄ rows."""

    def decode(self, records: Sequence[bytes | None], schema: pa.Schema | None) -> Decoded:
        """All records at once. Without a schema the columns are those of these records."""


def reason(text: str) -> str:
    """As it may stand in a header: one line, cut."""
    line = " ".join(text.split())
    return line if len(line) <= REASON_LIMIT else line[: REASON_LIMIT - 1] + "…"


def assemble(
    rows: Sequence[Row],
    places: Sequence[int],
    schema: pa.Schema | None,
    bad: Sequence[Bad],
    tombstones: Sequence[int],
) -> Decoded:
    """The batch of `rows`; `places[i]` is the record that row i was read from, `bad` what was no row at all."""
    if schema is None:
        return _inferred(rows, places, bad, tombstones)
    arrays: list[pa.Array] = []
    refused: dict[int, str] = {}
    for one in schema:
        array, wrong = _column(rows, one)
        arrays.append(array)
        for index, why in wrong:
            refused.setdefault(index, reason(f"column {one.name!r}: {why}"))
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema) if arrays else _empty(len(rows))
    kept: Sequence[int] = places
    if refused:
        good = [index for index in range(len(rows)) if index not in refused]
        batch = batch.take(pa.array(good, pa.int64())) if arrays else _empty(len(good))
        kept = [places[index] for index in good]
    everything = sorted([*bad, *((places[index], why) for index, why in refused.items())])
    unknown = _unknown(rows, places, frozenset(schema.names), refused)
    return Decoded(batch, kept, everything, tombstones, unknown)


def _empty(rows: int) -> pa.RecordBatch:
    """Rows without columns."""
    whole: pa.RecordBatch = pa.record_batch({"x": pa.nulls(rows)}).select([])
    return whole


def _column(rows: Sequence[Row], wanted: pa.Field) -> tuple[pa.Array, list[Bad]]:
    name = wanted.name
    values = [row.get(name) for row in rows]
    array, misfits = column(values, wanted.type)
    wrong = [(misfit.index, misfit.message) for misfit in misfits]
    if not wanted.nullable and array.null_count:
        missing = [index for index, value in enumerate(values) if value is None]
        wrong += [(index, "there is no value, and one is needed") for index in missing]
    return array, wrong


def _unknown(
    rows: Sequence[Row], places: Sequence[int], names: frozenset[str], refused: Mapping[int, str]
) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        if not row.keys() <= names and index not in refused:
            for name in row.keys() - names:
                found.setdefault(name, []).append(places[index])
    return dict(sorted(found.items()))


# without a schema


def _inferred(
    rows: Sequence[Row], places: Sequence[int], bad: Sequence[Bad], tombstones: Sequence[int]
) -> Decoded:
    fields, texts = [], []
    for name in dict.fromkeys(name for row in rows for name in row):
        kind = kind_of([row.get(name) for row in rows])
        fields.append(pa.field(name, pa.string() if kind is None else kind))
        texts += [name] if kind is None else []
    if texts:
        rows = [row | {name: as_text(row[name]) for name in texts if name in row} for row in rows]
    return assemble(rows, places, pa.schema(fields), bad, tombstones)


def as_text(value: Any) -> str | None:
    """A value of a column of several types: what is no text becomes JSON."""
    if value is None or isinstance(value, str):
        return value
    return orjson.dumps(value, default=str).decode()


def kind_of(values: Sequence[Any]) -> pa.DataType | None:
    """The type that all of them have, or nearly all of many; None when only text can hold them."""
    counts = Counter(map(type, values))
    counts.pop(type(None), None)
    if not counts:
        return pa.string()
    if counts.keys() == {int, float}:
        return pa.float64()
    total = counts.total()
    (most, count), *_ = counts.most_common(1)
    if count != total and (total < TOLERATED_FROM or total - count > TOLERATED * total):
        return None
    return _arrow_kind(most, [value for value in values if type(value) is most])


def _arrow_kind(kind: type, values: Sequence[Any]) -> pa.DataType | None:
    if kind is int:
        small = min(values) >= -(1 << 63) and max(values) < 1 << 63
        return pa.int64() if small else None
    try:
        found = pa.array(values).type
    except WRONG:
        return None
    return None if _holds_null(found) else found


def _holds_null(kind: pa.DataType) -> bool:
    """Whether a part of it was never seen with a value."""
    if pa.types.is_null(kind):
        return True
    return any(_holds_null(kind.field(index).type) for index in range(kind.num_fields))
