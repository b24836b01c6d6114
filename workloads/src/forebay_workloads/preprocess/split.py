"""Which rows train, which validate and which test: a rule per kind of split, as one SQL expression.

Used by `preprocess.run`. Every rule gives each row a key and cuts the keys' order in two places, so the
outcome depends on the data and the seed only: never on batches, threads or the order of groups.

    random  key = hash of seed and row number; floor(share · rows) rows each, exactly
    group   key = hash of seed and group; floor(share · groups) groups each, whole groups
    time    key = the time; the newest floor(share · rows) rows test; equal times stay together
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.features.expression import (
    Alias,
    Call,
    Case,
    Cast,
    Column,
    Expression,
    Infix,
    Missing,
    Number,
    Select,
    Text,
)
from forebay_workloads.features.sql import DECIMALS, INTEGERS, ROW, base_type, micros
from forebay_workloads.preprocess.engine import Engine

_KEY = "__forebay_key"

SIDES = ("train", "validation", "test")  # a row's side is its index here


@dataclass(frozen=True)
class Shares:
    """The spec's block: kind, column, parts of the whole, seed."""

    by: str
    column: str | None
    test: Fraction
    validation: Fraction
    seed: int

    def counts(self, total: int) -> dict[str, int]:
        """How many of `total` rows or groups each side gets: shares rounded down, the rest trains."""
        test, validation = int(self.test * total), int(self.validation * total)
        return {"train": total - test - validation, "validation": validation, "test": test}

    def wanted(self) -> list[str]:
        """The sides that the spec asks for."""
        return [
            "train",
            *(["validation"] if self.validation else []),
            *(["test"] if self.test else []),
        ]


@dataclass(frozen=True)
class Cut:
    """The rule for one table: `side` is 0 train, 1 validation, 2 test; `counts` are its rows."""

    side: Expression
    counts: Mapping[str, int]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def shares(block: Mapping[str, Any], time_column: str | None) -> Shares:
    """Reads `preprocess.split`; ConfigError when a share is no number or nothing is left to train."""
    by = str(block.get("by", "random"))
    column = block.get("column") or (time_column if by == "time" else None)
    if by not in ("random", "group", "time"):
        raise _unfit(f"by: {by!r} is not one of random, group, time")
    if by != "random" and not column:
        raise _unfit(f"column is needed to split by {by}")
    found = Shares(
        by=by,
        column=None if by == "random" else str(column),
        test=_share(block, "test"),
        validation=_share(block, "validation"),
        seed=int(block.get("seed") or 0),
    )
    if found.test + found.validation >= 1:
        raise _unfit("test and validation together leave nothing to train on")
    return found


def _share(block: Mapping[str, Any], name: str) -> Fraction:
    text = str(block.get(name) or "0")
    try:
        share = Fraction(text)
    except (ValueError, ZeroDivisionError) as error:
        raise _unfit(f"{name}: {text!r} is no number such as 0.2") from error
    if not 0 <= share < 1:
        raise _unfit(f"{name}: {text} does not lie between 0 and 1")
    return share


def _unfit(what: str) -> ConfigError:
    return ConfigError("FieldNotSupportedInMode", f"preprocess.split.{what}")


def cut(engine: Engine, table: str, types: Mapping[str, str], wanted: Shares) -> Cut:
    """Looks at the data and returns the rule.

    Raises:
        ConfigError: SchemaMismatch when the column is not there or is no time.
        DataError: SchemaMismatch when rows have no time; EmptyDataset when a side gets no row.
    """
    if wanted.column is not None and wanted.column not in types:
        raise ConfigError(
            "SchemaMismatch",
            f"preprocess.split.column {wanted.column!r} is not in the data; there are: {', '.join(types)}",
        )
    key, kind = _key(wanted, types)
    if wanted.by == "time":
        _check_times(engine, table, key, wanted)
    keys = Select((Alias(key, _KEY),), table, distinct=wanted.by == "group")
    total = int(engine.rows(Select((Call("count"),), keys))[0][0])
    bounds = _bounds(engine, keys, kind, wanted.counts(total))
    side = _side(key, bounds)
    counts = _counts(engine, table, side)
    _check_sides(counts, wanted, total)
    return Cut(side, counts, _parameters(wanted, bounds, total))


def _key(wanted: Shares, types: Mapping[str, str]) -> tuple[Expression, str]:
    """A row's key and the key's DuckDB type."""
    if wanted.by == "time" and wanted.column is not None:
        kind = types[wanted.column]
        if base_type(kind) in (*INTEGERS, *DECIMALS):
            return Column(wanted.column), kind
        return micros(wanted.column, kind), "BIGINT"
    value: Expression = Cast(Column(wanted.column or ROW), "VARCHAR")
    marked = Call("coalesce", (Infix("||", (Text("="), value)), Text("null")))
    return Call("md5_number", (Infix("||", (Text(f"{wanted.seed}:"), marked)),)), "UHUGEINT"


def _check_times(engine: Engine, table: str, key: Expression, wanted: Shares) -> None:
    number = Cast(key, "DOUBLE")
    missing = Infix("OR", (Missing(number), Call("isnan", (number,))))
    first_row = Call("min", (Column(ROW),))
    count, first = engine.rows(Select((Call("count"), first_row), table, where=missing))[0]
    if count:
        raise DataError(
            "SchemaMismatch",
            f"{count} rows have no time in column {wanted.column!r} (the first is row {first + 1}); "
            "leave them out with preprocess.sql",
        )


def _bounds(
    engine: Engine, keys: Select, kind: str, counts: Mapping[str, int]
) -> dict[str, Expression]:
    """The smallest key of test, and of validation: ascending keys are train, validation, test."""
    starts = {"test": counts["train"] + counts["validation"], "validation": counts["train"]}
    key = Column(_KEY)
    bounds: dict[str, Expression] = {}
    for name, start in starts.items():
        if counts[name]:
            # The one key becomes text after the sort: as text, a large integer takes 80 µs.
            at = Select((key,), keys, order=(key,), limit=1, offset=start)
            text = engine.rows(Select((Cast(key, "VARCHAR"),), at))[0][0]
            bounds[name] = Cast(Text(str(text)), kind)
    return bounds


def _side(key: Expression, bounds: Mapping[str, Expression]) -> Expression:
    branches = tuple(
        (Infix(">=", (key, bounds[name])), Number(SIDES.index(name)))
        for name in ("test", "validation")
        if name in bounds
    )
    return Case(branches, Number(0)) if branches else Number(0)


def _counts(engine: Engine, table: str, side: Expression) -> dict[str, int]:
    found = engine.rows(Select((Alias(side, _KEY), Call("count")), table, group=(Column(_KEY),)))
    rows = {int(index): int(count) for index, count in found}
    return {name: rows.get(index, 0) for index, name in enumerate(SIDES)}


def _check_sides(counts: Mapping[str, int], wanted: Shares, total: int) -> None:
    for name in wanted.wanted():
        if counts[name] == 0:
            cures = {
                "random": "give it a larger share, or more rows",
                "group": f"column {wanted.column!r} has {total} different values; take a column with more, "
                "or split by random",
                "time": f"too many rows have the same value of {wanted.column!r}; split by random, "
                "or give it a larger share",
            }
            raise DataError(
                "EmptyDataset",
                f"the split by {wanted.by} leaves no row for {name} out of {sum(counts.values())}: "
                f"{cures[wanted.by]}",
            )


def _parameters(wanted: Shares, bounds: Mapping[str, Expression], total: int) -> dict[str, Any]:
    """What the report and the lineage say about the split."""
    found: dict[str, Any] = {"by": wanted.by, "seed": wanted.seed, "column": wanted.column}
    found |= {"test": str(float(wanted.test)), "validation": str(float(wanted.validation))}
    if wanted.by == "group":
        found["groups"] = total
    if wanted.by == "time":
        texts = {name: one.value.value for name, one in bounds.items()
                 if isinstance(one, Cast) and isinstance(one.value, Text)}  # fmt: skip
        found["from"] = texts
    return found
