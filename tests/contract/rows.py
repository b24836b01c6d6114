"""Rows for the conformance suites: one table of every type, and strategies for tables of any content."""

# ruff: noqa: DTZ001 - a time without a zone is one of the types
from __future__ import annotations

import datetime as dt
import math
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from forebay_workloads.stores.base import Store

UTC = dt.UTC
EVERY_TYPE = pa.schema(
    [
        ("id", pa.int64()),
        ("text", pa.string()),
        ("flag", pa.bool_()),
        ("small", pa.int32()),
        ("number", pa.float64()),
        ("single", pa.float32()),
        ("bytes", pa.binary()),
        ("day", pa.date32()),
        ("at", pa.timestamp("us", "UTC")),
        ("local", pa.timestamp("ms")),
        ("price", pa.decimal128(12, 4)),
        ("tags", pa.list_(pa.string())),
        ("vector", pa.list_(pa.float64())),
        ("place", pa.struct([("lat", pa.float64()), ("name", pa.string())])),
    ]
)

ROWS: list[dict[str, Any]] = [
    {
        "id": 1,
        "text": "naïve 日本 🎬 'quote\" \n tab\t \\ % ; --",
        "flag": True,
        "small": -5,
        "number": 0.1,
        "single": 0.5,
        "bytes": b"\x00\xff\x10",
        "day": dt.date(1969, 7, 20),
        "at": dt.datetime(2024, 2, 29, 23, 59, 59, 123456, UTC),
        "local": dt.datetime(1900, 1, 1, 0, 0, 0, 7000),
        "price": Decimal("-12345678.1234"),
        "tags": ["a", "", None],
        "vector": [1.5, -0.25],
        "place": {"lat": 48.1, "name": None},
    },
    dict.fromkeys(EVERY_TYPE.names) | {"id": 2},
    {
        "id": 2**62,
        "text": "",
        "flag": False,
        "small": 2**31 - 1,
        "number": math.inf,
        "single": -math.inf,
        "bytes": b"",
        "day": dt.date(9999, 12, 31),
        "at": dt.datetime(1970, 1, 1, tzinfo=UTC),
        "local": dt.datetime(2262, 1, 1),
        "price": Decimal("0.0000"),
        "tags": [],
        "vector": [],
        "place": {"lat": None, "name": "x"},
    },
]


def every_type() -> pa.RecordBatch:
    return pa.RecordBatch.from_pylist(ROWS, EVERY_TYPE)


def numbers(start: int, stop: int) -> pa.RecordBatch:
    """Rows with `id` from start to stop and a text that belongs to it."""
    ids = list(range(start, stop))
    return pa.record_batch({"id": pa.array(ids, pa.int64()), "text": [f"row {one}" for one in ids]})


def fill(store: Store, table: str, batch: pa.RecordBatch, key: tuple[str, ...] = ("id",)) -> None:
    store.ensure_table(table, batch.schema, key)
    assert store.write(table, batch, key).errors in ((), [])


def read(store: Store, table: str, splits: int = 1, **options: Any) -> list[dict[str, Any]]:
    snapshot = store.snapshot(table)
    parts = store.splits(snapshot, splits)
    return [
        row for part in parts for batch in store.scan(part, **options) for row in batch.to_pylist()
    ]


def eventually(true: Callable[[], bool], seconds: float = 100.0) -> None:
    """Waits until it is so: servers remove what is past its time now and then."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.1)


def same(one: Any, other: Any) -> bool:
    """Equality in which NaN is NaN."""
    if isinstance(one, float) and isinstance(other, float) and math.isnan(one):
        return math.isnan(other)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
KEYS = TEXTS.filter(bool)  # an empty key is a law of its own: some stores have no such key
MICROS = st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1))
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), st.integers(-(2**63), 2**63 - 1)),
    (pa.int8(), st.integers(-128, 127)),
    (pa.float64(), st.floats()),
    (pa.float32(), st.floats(width=32)),
    (pa.string(), TEXTS),
    (pa.binary(), st.binary(max_size=8)),
    (pa.bool_(), st.booleans()),
    (pa.date32(), st.dates(dt.date(1700, 1, 1), dt.date(2200, 1, 1))),
    (pa.timestamp("us"), MICROS),
    (pa.timestamp("us", "UTC"), MICROS.map(lambda one: one.replace(tzinfo=UTC))),
    (pa.decimal128(20, 3), st.decimals(-(10**16), 10**16, places=3)),
    (pa.list_(pa.int64()), st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), max_size=3)),
    (pa.struct([("a", pa.string())]), st.fixed_dictionaries({"a": st.none() | TEXTS})),
]


@st.composite
def tables(draw: st.DrawFn) -> pa.RecordBatch:
    """A small table of any types and any content, with a text key `id`."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    keys = draw(st.lists(KEYS, min_size=1, max_size=6, unique=True))
    schema = pa.schema(
        [("id", pa.string()), *((f"c{i}", kind) for i, (kind, _) in enumerate(kinds))]
    )
    rows = [
        {"id": key, **{f"c{i}": draw(st.none() | values) for i, (_, values) in enumerate(kinds)}}
        for key in keys
    ]
    return pa.RecordBatch.from_pylist(rows, schema)
