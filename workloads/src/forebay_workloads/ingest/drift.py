"""Records to the rows that a table can take, by the schema policy, with an account of what drifted. Pure.

Used by `ingest.loop` only. A record whose fields are not the table's is no reason to stop: what happens to a
new field, a missing one and a value of another type is said once, in `ingest.schemaPolicy`. The codec reads
strictly, into the table's own types; only what it refuses is looked at a second time, value by value.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import pyarrow as pa

from forebay_workloads.codecs.decoded import Codec, Decoded
from forebay_workloads.codecs.values import column

IGNORE, EVOLVE, DEAD_LETTER = "Ignore", "Evolve", "DeadLetter"
MISMATCH, UNREADABLE = "SchemaMismatch", "Unreadable"  # reasons of dead letters

Values = Sequence[bytes | None]
SAMPLE = 500  # records that are asked one by one what their types are, when a table is made


@dataclass(frozen=True)
class Policy:
    """What happens to each kind of drift, and to a record without a value."""

    new_field: str = IGNORE  # Ignore: left out; Evolve: becomes a column; DeadLetter: refused
    missing_field: str = IGNORE  # Ignore: null; DeadLetter: refused
    type_change: str = DEAD_LETTER  # Ignore: null; DeadLetter: refused
    tombstone: str = IGNORE  # Ignore: counted; DeadLetter: refused

    @classmethod
    def of(cls, block: Mapping[str, Any], *, evolves: bool) -> Self:
        """The spec's; a new field is a column by default where the store takes one (`evolves`)."""
        return cls(
            block.get("newField") or (EVOLVE if evolves else IGNORE),
            block.get("missingField") or IGNORE,
            block.get("typeChange") or DEAD_LETTER,
            block.get("tombstone") or IGNORE,
        )


@dataclass
class Drift:
    """Records by field, for each kind of drift."""

    new: Counter[str] = field(default_factory=Counter)
    missing: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)

    def add(self, other: Drift) -> None:
        """Adds the account of another batch."""
        self.new.update(other.new)
        self.missing.update(other.missing)
        self.changed.update(other.changed)

    def text(self, most: int = 8) -> str:
        """One line for people; empty when nothing drifted."""
        kinds = (("new", self.new), ("missing", self.missing), ("type changed", self.changed))
        parts = []
        for word, found in kinds:
            if found:
                names = ", ".join(f"{name} ({count:,})" for name, count in found.most_common(most))
                more = f", {len(found) - most} more" if len(found) > most else ""
                parts.append(f"{word}: {names}{more}")
        return "; ".join(parts)


@dataclass(frozen=True)
class Refusal:
    """A record that becomes no row: its place among the values, and why."""

    place: int
    reason: str
    message: str


@dataclass(frozen=True)
class Settled:
    """Rows for the table and where each came from, what is refused, what has no value, what drifted."""

    batch: pa.RecordBatch
    places: Sequence[int]
    refused: Sequence[Refusal]
    tombstones: int
    drift: Drift

    def wider(self, table: pa.Schema) -> bool:
        """Whether the rows bring columns that the table lacks."""
        return len(self.batch.schema) > len(table)


def table_schema(codec: Codec, values: Values, taken: Sequence[str] = ()) -> pa.Schema | None:
    """The columns that a table gets for these records; a field that was never set tells no type.

    A name that differs from another, or from one that is `taken`, by case only becomes no column: not every store
    can tell them apart. None when not one of the records can be read.
    """
    decoded = codec.decode(values, None)
    if not decoded.kept:
        return None
    fields = zip(decoded.batch.schema, decoded.batch.columns, strict=True)
    wished = [one for one, held in fields if held.null_count < len(held)]
    wished = _told_apart(wished, taken)
    texts = {one.name for one in wished if pa.types.is_string(one.type)}
    usual = _usual(codec, [values[place] for place in decoded.kept[:SAMPLE]], texts)
    return pa.schema([pa.field(one.name, usual.get(one.name, one.type)) for one in wished])


def _told_apart(fields: Sequence[pa.Field], taken: Sequence[str]) -> list[pa.Field]:
    """Those whose names every store can hold beside each other."""
    lower = {name.lower() for name in taken}
    kept = []
    for one in fields:
        name = one.name.lower()
        if one.name in taken or (one.name and name not in lower and one.name.isprintable()):
            kept.append(one)
            lower.add(name)
    return kept


def _usual(codec: Codec, values: Values, names: set[str]) -> dict[str, pa.DataType]:
    """The type that most records have in each of these fields: one text must not make a column of numbers text."""
    kinds: dict[str, Counter[pa.DataType]] = {name: Counter() for name in names}
    for value in values if names else ():
        alone = codec.decode([value], None).batch
        for name in names.intersection(alone.schema.names):
            if not alone.column(name).null_count:
                kinds[name][alone.schema.field(name).type] += 1
    return {name: found.most_common(1)[0][0] for name, found in kinds.items() if found}


def settle(
    codec: Codec, values: Values, table: pa.Schema, key: Sequence[str], policy: Policy
) -> Settled:
    """The records as rows of `table`."""
    drift = Drift()
    columns = table
    decoded = codec.decode(values, _strict(columns, key, policy))
    if decoded.unknown and policy.new_field == EVOLVE:
        columns = _widened(codec, values, table, decoded)
        decoded = codec.decode(values, _strict(columns, key, policy))
    drift.new.update({name: len(places) for name, places in decoded.unknown.items()})
    drift.new.update({name: len(decoded.kept) for name in columns.names[len(table) :]})
    refused = {place: Refusal(place, UNREADABLE, why) for place, why in decoded.bad}
    rows, places = _rows(decoded, columns), list(decoded.kept)
    if refused:
        mended, found = _second_look(codec, values, columns, key, policy, refused, drift)
        rows, places = _joined(rows, places, mended, found)
    if policy.new_field == DEAD_LETTER:
        rows, places = _without(rows, places, decoded.unknown, refused)
    if policy.tombstone == DEAD_LETTER:
        text = "the record has no value: a tombstone"
        refused |= {place: Refusal(place, MISMATCH, text) for place in decoded.tombstones}
    _note_missing(rows, table, drift)
    ordered = [refused[place] for place in sorted(refused)]
    return Settled(rows, places, ordered, len(decoded.tombstones), drift)


def _strict(columns: pa.Schema, key: Sequence[str], policy: Policy) -> pa.Schema:
    """The table's columns, with those marked that a record must have."""
    needed = columns.names if policy.missing_field == DEAD_LETTER else key
    return pa.schema([pa.field(one.name, one.type, one.name not in needed) for one in columns])


def _widened(codec: Codec, values: Values, table: pa.Schema, decoded: Decoded) -> pa.Schema:
    """The table's columns and those of the unknown fields, typed by the records that have them."""
    places = sorted({place for found in decoded.unknown.values() for place in found})
    seen = table_schema(codec, [values[place] for place in places], table.names) or ()
    return pa.schema([*table, *(one for one in seen if one.name in decoded.unknown)])


def _rows(decoded: Decoded, columns: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays(decoded.batch.columns, schema=columns)


def _second_look(
    codec: Codec,
    values: Values,
    columns: pa.Schema,
    key: Sequence[str],
    policy: Policy,
    refused: dict[int, Refusal],
    drift: Drift,
) -> tuple[list[dict[str, Any]], list[int]]:
    """Tells values of another type from what cannot be read; the former as rows, where the policy takes them."""
    mended: list[dict[str, Any]] = []
    places: list[int] = []
    for place in list(refused):
        alone = codec.decode([values[place]], None)
        if not alone.kept:
            continue
        row = alone.batch.to_pylist()[0]
        wrong = _misfits(row, columns)
        drift.changed.update(wrong)
        refused[place] = Refusal(place, MISMATCH, refused[place].message)
        lacking = [name for name in key if row.get(name) is None or name in wrong]
        if not wrong or lacking or policy.type_change == DEAD_LETTER:
            drift.missing.update(one.name for one in columns if row.get(one.name) is None)
            continue
        if policy.missing_field == DEAD_LETTER and any(row.get(n) is None for n in columns.names):
            continue
        del refused[place]
        mended.append({one: None if one in wrong else row.get(one) for one in columns.names})
        places.append(place)
    return mended, places


def _misfits(row: Mapping[str, Any], columns: pa.Schema) -> list[str]:
    """Names of the values that are not of their column's type."""
    return [
        one.name
        for one in columns
        if row.get(one.name) is not None and column([row[one.name]], one.type)[1]
    ]


def _joined(
    rows: pa.RecordBatch, places: list[int], mended: list[dict[str, Any]], found: list[int]
) -> tuple[pa.RecordBatch, list[int]]:
    """Both in the order of the records: the last of equal keys must stay the last."""
    if not mended:
        return rows, places
    if not rows.num_columns:
        return rows, sorted([*places, *found])
    arrays = [column([row[one.name] for row in mended], one.type)[0] for one in rows.schema]
    more = pa.RecordBatch.from_arrays(arrays, schema=rows.schema)
    together = pa.Table.from_batches([rows, more]).combine_chunks().to_batches()[0]
    all_places = [*places, *found]
    order = sorted(range(len(all_places)), key=all_places.__getitem__)
    return together.take(pa.array(order, pa.int64())), [all_places[index] for index in order]


def _without(
    rows: pa.RecordBatch,
    places: list[int],
    unknown: Mapping[str, Sequence[int]],
    refused: dict[int, Refusal],
) -> tuple[pa.RecordBatch, list[int]]:
    """The rows of records that have no field which the table lacks."""
    for name, found in unknown.items():
        for place in found:
            text = f"the table has no column {name!r}"
            refused.setdefault(place, Refusal(place, MISMATCH, text))
    keep = [index for index, place in enumerate(places) if place not in refused]
    taken = rows.take(pa.array(keep, pa.int64())) if rows.num_columns else rows
    return taken, [places[index] for index in keep]


def _note_missing(rows: pa.RecordBatch, table: pa.Schema, drift: Drift) -> None:
    """A column that no record of the batch fills is missing; single nulls are data."""
    for one in table:
        held = rows.column(one.name)
        if rows.num_rows and held.null_count == rows.num_rows:
            drift.missing[one.name] += rows.num_rows
