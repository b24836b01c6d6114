"""Rows as DynamoDB takes them: the attributes that find an item, and the item. Pure, no I/O.

Used by the DynamoDB adapter's writes and look-ups. A key is one or two attributes, each a text, a number or bytes: the
first column of a table's key makes the partition, the second sorts the items in it; of three columns or more, all
but the first stand in one attribute more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Context, Decimal, InvalidOperation
from typing import Any, Protocol

import orjson
import pyarrow as pa

from forebay_workloads.codecs.nested import is_bytes, is_text, raw_type
from forebay_workloads.stores.dynamodb_names import EXPIRES, RANGE
from forebay_workloads.stores.dynamodb_values import DIGITS, Item, Value, as_set, encoded, is_plain

Bad = dict[int, str]  # row → why it cannot be kept

PARTITION_BYTES, RANGE_BYTES = 2048, 1024
AT_ONCE = 200  # fields that one update sets: it may hold 300 words of the language, and 4 KB
_EXACT = Context(prec=2 * DIGITS)


class Table(Protocol):
    """What is to be known of a table."""

    @property
    def key(self) -> Sequence[str]:
        """Columns."""

    @property
    def types(self) -> Mapping[str, str]:
        """Attributes of the key."""

    @property
    def own(self) -> bool:
        """Whether we made it."""

    @property
    def sets(self) -> Collection[str]:
        """Columns that are sets."""


def key_types(schema: pa.Schema, key: Sequence[str]) -> dict[str, str]:
    """The attributes of the key of a table that we make, with their types."""
    names = key if len(key) <= 2 else key[:1]  # noqa: PLR2004 - all that DynamoDB has
    types = {name: _key_type(schema.field(name).type) for name in names}
    return types if len(names) == len(key) else {**types, RANGE: "S"}


def _key_type(kind: pa.DataType) -> str:
    if is_text(kind):
        return "S"
    return "B" if is_bytes(kind) else "N"


def keys_of(table: Table, columns: Sequence[pa.Array]) -> tuple[list[Item], Bad]:
    """What finds the item of each row; a row whose key DynamoDB cannot hold is bad."""
    bad: Bad = {}
    found = dict(zip(table.key, map(_key_values, columns), strict=True))
    parts = []
    for number, (name, of) in enumerate(table.types.items()):
        if name == RANGE and name not in found:
            rest = [found[one] for one in table.key[1:]]
            values: list[Value | None] = [_joined(row) for row in zip(*rest, strict=True)]
        else:
            values = [_as(of, value) for value in found[name]]
        limit = RANGE_BYTES if number else PARTITION_BYTES
        for index, value in enumerate(values):
            why = refusal(value, of, limit)
            if why:
                bad.setdefault(index, f"key column {name!r} {why}")
        parts.append([(name, value) for value in values])
    rows = zip(*parts, strict=True)
    return [{name: value for name, value in row if value is not None} for row in rows], bad


def _key_values(column: pa.Array) -> list[Value | None]:
    """0.0 and -0.0 are one key."""
    if pa.types.is_floating(column.type):
        values = column.cast(raw_type(column.type)).to_pylist()
        column = pa.array([None if one is None else one + 0.0 for one in values], pa.float64())
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return encoded(column)


def _joined(row: Sequence[Value | None]) -> Value:
    return {"S": orjson.dumps([list((one or {}).values()) for one in row]).decode()}


def _as(of: str, value: Value | None) -> Value | None:
    """A text of a number in a key of somebody else's is that number, and one number has one text."""
    if value is None or of != "N":
        return value
    try:
        number = Decimal(value.get("N") or value["S"])
    except (KeyError, InvalidOperation):
        return value
    return {"N": canonical(number)} if is_plain(number) else value


def canonical(number: Decimal) -> str:
    """The same text for 1, 1.0 and 1E+0."""
    if number == number.to_integral_value() and number.adjusted() < DIGITS:
        return str(int(number))
    return str(number.normalize(_EXACT))


def name_of(key: Item) -> bytes:
    """The same for two keys that the service takes for one."""
    same = {name: {"N": canonical(Decimal(v["N"]))} if "N" in v else v for name, v in key.items()}
    return orjson.dumps(same, option=orjson.OPT_SORT_KEYS)


def refusal(value: Value | None, of: str, limit: int) -> str:
    """Why DynamoDB would not take that value in a key; empty when it does."""
    if value is None:
        return "is null"
    if of not in value:
        names = {"N": "a number that DynamoDB holds", "S": "a text", "B": "bytes"}
        return f"is not {names[of]}"
    text = value[of]
    if not text:
        return "is empty, which DynamoDB refuses in a key"
    size = len(text.encode()) if of == "S" else len(text) * 3 // 4 if of == "B" else 0
    return f"has {size:,} bytes, DynamoDB takes {limit:,}" if size > limit else ""


def items_of(
    table: Table, rows: pa.RecordBatch, keys: Sequence[Item], end: Value | None = None
) -> tuple[list[dict[str, Value | None]], Bad]:
    """The attributes of each row beside its key; None where the row has a null. `end`: when the rows end."""
    bad: Bad = {}
    names, columns = [], []
    for name, column in zip(rows.schema.names, rows.columns, strict=True):
        if name in table.types:
            continue
        values = encoded(column)
        if name in table.sets:
            values = [_set(value, name, index, bad) for index, value in enumerate(values)]
        names.append(name)
        columns.append(values)
    if end is not None:
        names.append(EXPIRES)
        columns.append([end] * len(keys))
    if not names:
        return [{} for _ in keys], bad
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)], bad


def _set(value: Value | None, name: str, index: int, bad: Bad) -> Value | None:
    try:
        return None if value is None else as_set(value)
    except ValueError as error:
        bad.setdefault(index, f"column {name!r}: {error}")
        return None


def updates(fields: Mapping[str, Value | None]) -> Iterator[dict[str, Any]]:
    """What an update says to set these fields; nulls take a field away. One without fields makes the item."""
    names = list(fields)
    for first in range(0, max(1, len(names)), AT_ONCE):
        some = names[first : first + AT_ONCE]
        if not some:
            yield {}
            return
        yield _update({name: fields[name] for name in some})


def _update(fields: Mapping[str, Value | None]) -> dict[str, Any]:
    names = {f"#{index}": name for index, name in enumerate(fields)}
    values = {alias.replace("#", ":"): fields[name] for alias, name in names.items()}
    values = {alias: value for alias, value in values.items() if value is not None}
    put = [f"{a} = {a.replace('#', ':')}" for a in names if a.replace("#", ":") in values]
    gone = [alias for alias in names if alias.replace("#", ":") not in values]
    text = [f"SET {', '.join(put)}"] * bool(put) + [f"REMOVE {', '.join(gone)}"] * bool(gone)
    found = {"UpdateExpression": " ".join(text), "ExpressionAttributeNames": names}
    return found | ({"ExpressionAttributeValues": values} if values else {})
