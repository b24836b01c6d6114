"""A profile of each column: how much is missing, and the range of what is there.

Used by `preprocess.run`; read by the report. Texts are profiled by length only: a results document is no
place for people's names. Values that are not finite are counted and left out of the range.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from forebay_workloads.features.aggregates import FLOATS, NUMBERS
from forebay_workloads.features.expression import Call, Case, Cast, Column, Expression, Select
from forebay_workloads.features.sql import TIMES, base_type
from forebay_workloads.preprocess.engine import Engine

CHUNK = 32  # columns per query, so that a table of a thousand columns is no query of eight thousand terms
DIGITS = 10  # of a mean: the last ones depend on the order of adding


def profile(engine: Engine, table: str, types: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry per column: name, type, nulls, nan, distinct (approximate), and min, max, mean or lengths."""
    names = list(types)
    found: list[dict[str, Any]] = []
    for start in range(0, len(names), CHUNK):
        found += _chunk(engine, table, {name: types[name] for name in names[start : start + CHUNK]})
    return found


def _chunk(engine: Engine, table: str, types: Mapping[str, str]) -> list[dict[str, Any]]:
    asked = {name: _questions(name, kind) for name, kind in types.items()}
    terms = [one for questions in asked.values() for one in questions.values()]
    answers = iter(engine.rows(Select((Call("count"), *terms), table))[0])
    rows = next(answers)
    found = []
    for name, questions in asked.items():
        entry = {label: _plain(next(answers)) for label in questions}
        entry["nulls"] = rows - entry.pop("present")
        found.append({"name": name, "type": types[name], **entry})
    return found


def _questions(name: str, kind: str) -> dict[str, Expression]:
    column: Expression = Column(name)
    base = base_type(kind)
    asked: dict[str, Expression] = {"present": Call("count", (column,))}
    if base in FLOATS:
        asked["nan"] = Call("count_if", (Call("isnan", (column,)),))
        column = Case(((Call("isfinite", (column,)), column),))
    if base in NUMBERS:
        number = Cast(column, "DOUBLE")
        asked |= {
            "min": Call("min", (number,)),
            "max": Call("max", (number,)),
            "mean": Call("avg", (number,)),
        }
    elif base in TIMES:
        asked |= {"min": Call("min", (column,)), "max": Call("max", (column,))}
    elif base == "VARCHAR":
        length = Call("length", (column,))
        asked |= {"minLength": Call("min", (length,)), "maxLength": Call("max", (length,))}
    if base in (*NUMBERS, *TIMES, "VARCHAR"):
        asked["distinct"] = Call("approx_count_distinct", (column,))
    return asked


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    return float(f"{value:.{DIGITS}g}") if isinstance(value, float) else value


def nans(entries: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Columns that hold NaN, and how many."""
    return {str(one["name"]): int(one["nan"]) for one in entries if one.get("nan")}
