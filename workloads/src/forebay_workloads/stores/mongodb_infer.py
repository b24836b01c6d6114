"""Columns of a collection that somebody else filled: from a sample of its documents. Pure, no I/O.

Used by `mongodb_catalog.py`. Whole and broken numbers meet as float64; what is a number here and a text there
becomes text, as do ids and decimals; a document becomes a struct, an array a list.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from bson import json_util
from bson.binary import Binary
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.objectid import ObjectId

from forebay_workloads.codecs import nested

TIME = pa.timestamp("ms", "UTC")
_UUIDS = (3, 4)  # subtypes of a Binary
_FLAT: tuple[tuple[type, pa.DataType], ...] = (
    (bool, pa.bool_()),
    (int, pa.int64()),
    (float, pa.float64()),
    (str, pa.string()),
    (DatetimeMS, TIME),
)


@dataclass(frozen=True)
class Inferred:
    """The columns, and of which kind the ids are that show as text (`ObjectId`, `UUID`)."""

    schema: pa.Schema
    ids: Mapping[str, str] = field(default_factory=dict)


def inferred(documents: Iterable[Mapping[str, Any]]) -> Inferred:
    """Columns in the order in which the documents first have them."""
    kinds: dict[str, pa.DataType] = {}
    ids: dict[str, set[str]] = {}
    for document in documents:
        for name, value in document.items():
            kinds[name] = _joined(kinds.get(name, pa.null()), kind_of(value))
            if value is not None:
                ids.setdefault(name, set()).add(id_kind(value))
    only = {name: next(iter(found)) for name, found in ids.items() if len(found) == 1}
    return Inferred(pa.schema(list(kinds.items())), {n: kind for n, kind in only.items() if kind})


def id_kind(value: Any) -> str:
    """Which kind of id the value is; empty for other values."""
    if isinstance(value, ObjectId):
        return "ObjectId"
    return "UUID" if isinstance(value, Binary) and value.subtype == _UUIDS[1] else ""


def from_text(text: str, kind: str) -> Any:
    """The id that a text shows. ValueError when it is none."""
    if kind == "ObjectId":
        if not ObjectId.is_valid(text):
            raise ValueError(f"{text[:40]!r} is no ObjectId")
        return ObjectId(text)
    return Binary.from_uuid(uuid.UUID(text))


def kind_of(value: Any) -> pa.DataType:
    """The column type of one value."""
    if value is None:
        return pa.null()
    for of, kind in _FLAT:
        if isinstance(value, of):
            return kind
    if isinstance(value, bytes):
        binary = not (isinstance(value, Binary) and value.subtype in _UUIDS)
        return pa.binary() if binary else pa.string()
    if isinstance(value, list):
        item = pa.null()
        for one in value:
            item = _joined(item, kind_of(one))
        return pa.list_(item)
    if isinstance(value, Mapping):
        return pa.struct([(name, kind_of(one)) for name, one in value.items()])
    return pa.string()


def _joined(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    return nested.joined(one, other, _numbers)


def _numbers(one: pa.DataType, other: pa.DataType) -> pa.DataType | None:
    return pa.float64() if {one, other} == {pa.int64(), pa.float64()} else None


def as_text(value: Any) -> str | None:
    """A value in a column of texts: ids and decimals as they are written, the rest as JSON."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, ObjectId | Decimal128):
        return str(value)
    if isinstance(value, Binary) and value.subtype in _UUIDS:
        return str(uuid.UUID(bytes=bytes(value)))
    return json_util.dumps(value, json_options=json_util.RELAXED_JSON_OPTIONS)
