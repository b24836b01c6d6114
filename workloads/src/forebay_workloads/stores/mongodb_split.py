"""Ranges of `_id` that cover a collection exactly once, whatever its ids are. Pure, no I/O.

Used by `mongodb_scan.py`. A plain comparison in a query sees values of one kind only (a number is neither less
nor more than a text), so it serves where all ids are of one kind; else the range is compared as an expression,
which knows the order of all values.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bson import json_util
from bson.codec_options import DatetimeConversion
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128

from forebay_workloads.stores.mongodb_names import EXPIRES, ID

_JSON = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL, datetime_conversion=DatetimeConversion.DATETIME_MS
)


def text_of(value: Any) -> str:
    """A BSON value as text that gives back the same value: a split travels as JSON."""
    return json_util.dumps({"v": value}, json_options=_JSON)


def value_of(text: str) -> Any:
    """The inverse of `text_of`."""
    return json_util.loads(text, json_options=_JSON)["v"]


def bracket(value: Any) -> str:
    """The kind of a value in the order of BSON. NaN has its own: no comparison finds it among the numbers."""
    if isinstance(value, Decimal128):
        value = float(value.to_decimal())
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int | float):
        return "number" if value == value else "nan"  # noqa: PLR0124 - what is not itself is NaN
    if isinstance(value, bytes):
        return "binary"
    if isinstance(value, Mapping):
        return "document"
    return "date" if isinstance(value, DatetimeMS | datetime) else type(value).__name__


def borders(ids: Sequence[Any], count: int) -> list[Any]:
    """At most `count - 1` of the sorted `ids`, which part them evenly; none is the first, none comes twice."""
    found: list[Any] = []
    for index in range(1, count):
        place = len(ids) * index // count
        if 0 < place < len(ids) and ids[place] not in (ids[0], *found[-1:]):
            found.append(ids[place])
    return found


def ranges(parting: Sequence[Any], *, mixed: bool) -> list[dict[str, Any]]:
    """What a split has to know of its range: `from` inclusive, `below` exclusive; the outer ones are open."""
    ends = [None, *map(text_of, parting), None]
    return [
        {**({"from": a} if a else {}), **({"below": b} if b else {}), "mixed": mixed}
        for a, b in itertools.pairwise(ends)
    ]


def filter_of(at: Mapping[str, Any], after: Any = None) -> dict[str, Any]:
    """The query for a range; only documents behind the id `after`, where a cursor was lost.

    Where `at` tells a time (`now`), without those that ended before it.
    """
    left = {EXPIRES: {"$not": {"$lte": DatetimeMS(at["now"])}}} if "now" in at else {}
    bounds: list[tuple[str, Any]] = []
    if after is not None:
        bounds.append(("$gt", after))
    elif "from" in at:
        bounds.append(("$gte", value_of(at["from"])))
    if "below" in at:
        bounds.append(("$lt", value_of(at["below"])))
    if not bounds:
        return left
    if not at.get("mixed"):
        return {ID: dict(bounds), **left}
    return {
        **left,
        "$expr": {"$and": [{op: [f"${ID}", {"$literal": value}]} for op, value in bounds]},
    }
