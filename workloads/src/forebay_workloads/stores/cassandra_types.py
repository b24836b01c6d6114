"""Which CQL type holds an Arrow type, and how a column of either is read and written. Pure, no I/O.

Used by the Cassandra adapter's catalog. A table of ours gives back every value as it was written: what CQL has
no type for is a number of units (times finer than a millisecond) or JSON (lists, structs); the Arrow types are
kept in the table's comment. Columns of other tables have the Arrow type that is nearest to theirs.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
import uuid
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
from pyarrow import ipc

from forebay_workloads.codecs.cells import plain_type
from forebay_workloads.stores.cassandra_codecs import Bytes, Codec, Encoded, Fixed, Json, Values
from forebay_workloads.stores.cassandra_page import Cells

COMMENT = "Made by Forebay; types of its columns: "
_MS = pa.timestamp("ms", "UTC")
_LISTS = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view, pa.types.is_null)
_BYTES = (
    pa.types.is_binary,
    pa.types.is_large_binary,
    pa.types.is_fixed_size_binary,
    pa.types.is_binary_view,
)
_FLAT: dict[pa.DataType, str] = {
    pa.bool_(): "boolean",
    pa.int8(): "tinyint",
    pa.int16(): "smallint",
    pa.int32(): "int",
    pa.int64(): "bigint",
    pa.uint8(): "smallint",
    pa.uint16(): "int",
    pa.uint32(): "bigint",
    pa.uint64(): "bigint",
    pa.float16(): "float",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
}
_WIRE: dict[str, tuple[str, pa.DataType, int]] = {
    "boolean": (">i1", pa.bool_(), 0),
    "tinyint": (">i1", pa.int8(), 0),
    "smallint": (">i2", pa.int16(), 0),
    "int": (">i4", pa.int32(), 0),
    "bigint": (">i8", pa.int64(), 0),
    "counter": (">i8", pa.int64(), 0),
    "float": (">f4", pa.float32(), 0),
    "double": (">f8", pa.float64(), 0),
    "date": (">u4", pa.int32(), 2**31),
    "timestamp": (">i8", pa.int64(), 0),
    "time": (">i8", pa.int64(), 0),
}
_NATURAL: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "int": pa.int32(),
    "bigint": pa.int64(),
    "counter": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "timestamp": _MS,
    "time": pa.time64("ns"),
    "ascii": pa.string(),
    "text": pa.string(),
    "varchar": pa.string(),
    "blob": pa.binary(),
    "uuid": pa.string(),
    "timeuuid": pa.string(),
    "inet": pa.string(),
    "decimal": pa.float64(),
    "varint": pa.decimal128(38, 0),
}
_INNER = re.compile(r"^(?:list|set)<(?P<item>\w+)>$|^vector<(?P<part>\w+), ?\d+>$")


def cql_type(kind: pa.DataType) -> str:
    """The type of a column that we make; TypeError when there is none."""
    kind = plain_type(kind)
    if kind in _FLAT:
        return _FLAT[kind]
    if any(test(kind) for test in _TEXT) or _is_nested(kind):
        return "text"
    if any(test(kind) for test in _BYTES):
        return "blob"
    if pa.types.is_decimal(kind):
        return "decimal"
    if pa.types.is_timestamp(kind) and kind.unit in ("s", "ms"):
        return "timestamp"
    if pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        return "bigint"
    raise TypeError(f"Cassandra cannot hold {kind}")


def _is_nested(kind: pa.DataType) -> bool:
    if any(test(kind) for test in _LISTS):
        cql_type(kind.value_type)
        return True
    if pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            cql_type(kind.field(index).type)
        return True
    return False


def held(kind: pa.DataType) -> pa.DataType:
    """The type that a value must fit as well: CQL's numbers have a sign, its times are milliseconds."""
    kind = plain_type(kind)
    if pa.types.is_uint64(kind):
        return pa.int64()
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return pa.timestamp("ms", kind.tz)
    return kind


def natural(cql: str) -> pa.DataType:
    """The Arrow type of a column of somebody else's table."""
    cql = bare(cql)
    found = _INNER.match(cql)
    if found:
        item = natural(found["item"] or found["part"])
        return pa.list_(item)
    return _NATURAL.get(cql, pa.string())


def bare(cql: str) -> str:
    """Without `frozen<…>`."""
    return cql[7:-1] if cql.startswith("frozen<") and cql.endswith(">") else cql


def codec(cql: str, kind: pa.DataType) -> Codec:
    """How a column of CQL type `cql` is read as `kind`, and written."""
    cql = bare(cql)
    if cql in _WIRE:
        return _fixed(cql, kind)
    if cql in ("text", "ascii", "varchar", "blob"):
        return Json(kind) if pa.types.is_nested(kind) else Bytes(kind)
    found = _INNER.match(cql)
    if found:
        take, give = _leaf(found["item"] or found["part"])
        return Values(kind, _each(take), _each(give))
    if cql in _LEAVES:
        take, give = _leaf(cql)
        return Values(kind, _float(take) if pa.types.is_floating(kind) else take, give)
    return Values(kind, _as_json)


def _fixed(cql: str, kind: pa.DataType) -> Codec:
    wire, number, less = _WIRE[cql]
    if pa.types.is_temporal(kind) and cql == "bigint":
        return Fixed(kind, wire, pa.int32() if kind.bit_width == 32 else number)  # noqa: PLR2004 - bits
    if pa.types.is_timestamp(kind) and kind.unit == "s":
        return Seconds(kind)
    return Fixed(kind, wire, number, less)


@dataclass(frozen=True)
class Seconds:
    """Times of whole seconds, which are sent as milliseconds."""

    kind: pa.DataType

    @property
    def _fine(self) -> Fixed:
        return Fixed(pa.timestamp("ms", self.kind.tz), ">i8", pa.int64())

    def encode(self, column: pa.Array, cql: Any) -> Encoded:
        """As milliseconds."""
        return self._fine.encode(column.cast(self._fine.kind), cql)

    def decode(self, cells: Cells) -> pa.Array:
        """Of milliseconds."""
        return self._fine.decode(cells).cast(self.kind)


def _same(value: Any) -> Any:
    return value


def _number(value: Any) -> Decimal:
    return value if isinstance(value, Decimal) else Decimal(repr(value))


def _days(value: Any) -> Any:
    return value.date()


def _nanoseconds(value: Any) -> int:
    return int(value.nanosecond_time)


def _whole(value: Any) -> int:
    return int(value)


_LEAVES: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "uuid": (str, uuid.UUID),
    "timeuuid": (str, uuid.UUID),
    "inet": (str, lambda value: str(ipaddress.ip_address(value))),
    "decimal": (_same, _number),
    "varint": (Decimal, _whole),
    "date": (_days, _same),
    "time": (_nanoseconds, _same),
}


def _leaf(cql: str) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return _LEAVES.get(cql, (_same, _same))


def _float(take: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: float(take(value))


def _each(one: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: [one(value) for value in values]


def _as_json(value: Any) -> str:
    """Maps, tuples and types of the user's own: to be read only."""
    return json.dumps(_plain(value), sort_keys=True, ensure_ascii=False)


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping) or hasattr(value, "items"):
        return {str(name): _plain(one) for name, one in value.items()}
    if hasattr(value, "_asdict"):
        return _plain(value._asdict())
    if isinstance(value, str | int | float | bool) or value is None:
        return value
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    return [_plain(one) for one in value] if hasattr(value, "__iter__") else str(value)


def comment(schema: pa.Schema) -> str:
    """What the comment of a table of ours says."""
    packed = zlib.compress(schema.serialize().to_pybytes(), 9)
    return COMMENT + base64.b64encode(packed).decode()


def commented(text: str) -> pa.Schema | None:
    """The schema that a comment tells; None for a comment of somebody else."""
    if not text.startswith(COMMENT):
        return None
    try:
        packed = base64.b64decode(text[len(COMMENT) :], validate=True)
        return ipc.read_schema(pa.py_buffer(zlib.decompress(packed)))
    except (ValueError, zlib.error, pa.ArrowException, OSError):
        return None
