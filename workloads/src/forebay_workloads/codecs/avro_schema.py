"""Avro schemas → Arrow schemas. Pure, no I/O. Used by avro_records.py.

Refused: schemas that contain themselves, as no column can hold such values and a record may nest without end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pyarrow as pa

_PLAIN: Mapping[str, pa.DataType] = {
    "null": pa.null(),
    "boolean": pa.bool_(),
    "int": pa.int32(),
    "long": pa.int64(),
    "float": pa.float32(),
    "double": pa.float64(),
    "bytes": pa.binary(),
    "string": pa.string(),
    "enum": pa.string(),
}
_LOGICAL: Mapping[tuple[str, str], pa.DataType] = {
    ("int", "date"): pa.date32(),
    ("int", "time-millis"): pa.time32("ms"),
    ("long", "time-micros"): pa.time64("us"),
    ("long", "timestamp-millis"): pa.timestamp("ms", "UTC"),
    ("long", "timestamp-micros"): pa.timestamp("us", "UTC"),
    ("long", "local-timestamp-millis"): pa.timestamp("ms"),
    ("long", "local-timestamp-micros"): pa.timestamp("us"),
    ("string", "uuid"): pa.string(),
}


def columns(schema: Any) -> pa.Schema:
    """The columns of a record schema, as the Avro library parsed it; ValueError says what cannot be one."""
    if not isinstance(schema, dict) or schema.get("type") not in ("record", "error"):
        raise ValueError("the Avro schema is no record")
    return pa.schema(_Names().fields(schema))


class _Names:
    """Named types met so far; None for one that is not closed yet."""

    def __init__(self) -> None:
        self._known: dict[str, pa.DataType | None] = {}

    def fields(self, schema: Mapping[str, Any]) -> list[pa.Field]:
        name = str(schema["name"])
        self._known[name] = None
        fields = [self._field(one) for one in schema["fields"]]
        self._known[name] = pa.struct(fields)
        return fields

    def _field(self, field: Mapping[str, Any]) -> pa.Field:
        kind, nullable = self.kind(field["type"])
        return pa.field(field["name"], kind, nullable)

    def kind(self, schema: Any) -> tuple[pa.DataType, bool]:
        """The Arrow type, and whether there may be no value."""
        if isinstance(schema, list):
            return self._union(schema)
        if isinstance(schema, str):
            return self._named(schema), schema == "null"
        return self._complex(schema), False

    def _named(self, name: str) -> pa.DataType:
        if name in _PLAIN:
            return _PLAIN[name]
        found = self._known.get(name)
        if found is None:
            raise ValueError(f"the Avro type {name!r} contains itself")
        return found

    def _union(self, branches: list[Any]) -> tuple[pa.DataType, bool]:
        kinds = [self.kind(one)[0] for one in branches if one != "null"]
        nullable = len(kinds) < len(branches)
        if not kinds:
            return pa.null(), True
        if all(kind.equals(kinds[0]) for kind in kinds):
            return kinds[0], nullable
        numbers = all(pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in kinds)
        if not numbers:
            raise ValueError("an Avro union of several types is no column")
        whole = all(map(pa.types.is_integer, kinds))
        return (pa.int64() if whole else pa.float64()), nullable

    def _complex(self, schema: Mapping[str, Any]) -> pa.DataType:
        kind, logical = schema["type"], str(schema.get("logicalType", ""))
        if isinstance(kind, str) and (kind, logical) in _LOGICAL:
            return _LOGICAL[kind, logical]
        if logical == "decimal" and kind in ("bytes", "fixed"):
            return pa.decimal128(schema["precision"], schema.get("scale", 0))
        if kind in ("fixed", "enum"):
            made = pa.string() if kind == "enum" else pa.binary(schema["size"])
            self._known[str(schema["name"])] = made
            return made
        return self._nested(kind, schema)

    def _nested(self, kind: Any, schema: Mapping[str, Any]) -> pa.DataType:
        if kind in ("record", "error"):
            return pa.struct(self.fields(schema))
        if kind == "array":
            return pa.list_(self._item(schema["items"]))
        if kind == "map":
            return pa.map_(pa.string(), self._item(schema["values"]))
        return self._item(kind)

    def _item(self, schema: Any) -> pa.DataType:
        return self.kind(schema)[0]
