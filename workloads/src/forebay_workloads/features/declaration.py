"""The `features` block of a spec, read and checked: windows as numbers, columns known to be there.

Made by the preprocess stage (and by streaming and online features, which share the declaration). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from forebay_workloads.errors import ConfigError

UNITS = {"ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000,
         "w": 604_800_000_000}  # fmt: skip
"""Units of a duration, in microseconds."""

KINDS = ("count", "sum", "mean", "min", "max", "stddev", "distinct", "last", "lag")
EVERY = "*"  # count: "*" counts events, with or without values
_TERM = r"([0-9]{1,9}(?:\.[0-9]{1,9})?)(ms|s|m|h|d|w)"
_LONGEST = 36_500 * UNITS["d"]


@dataclass(frozen=True)
class Window:
    """A length of time as it was written and in microseconds."""

    text: str
    micros: int


@dataclass(frozen=True)
class Aggregate:
    """One line of `aggregates`: what is computed, of which column (`*` for events)."""

    kind: str
    column: str

    def name(self, window: Window) -> str:
        """The feature's column: `mean_amount_7d`, `count_7d` for all events."""
        parts = [self.kind, *([] if self.column == EVERY else [self.column]), window.text]
        return "_".join(parts)


@dataclass(frozen=True)
class Features:
    """What to compute for each row, from the events of its entity that lie before it.

    A row at time t sees an event at time e when t - delay - window <= e < t - delay: nothing of its own
    moment and nothing later. `delay` is how late data may arrive in production.
    """

    entity: str
    timestamp: str
    windows: tuple[Window, ...]
    aggregates: tuple[Aggregate, ...]
    delay: int = 0  # microseconds

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the input that are read, each once."""
        used = [one.column for one in self.aggregates if one.column != EVERY]
        return tuple(dict.fromkeys([self.entity, self.timestamp, *used]))

    @property
    def names(self) -> tuple[str, ...]:
        """The feature columns, in their order: for each aggregate each window."""
        return tuple(one.name(window) for one in self.aggregates for window in self.windows)


def duration(text: str, field: str) -> Window:
    """Reads `30s`, `1.5h`, `1h30m`, `7d` …; ConfigError names the field of the spec."""
    whole = re.fullmatch(f"(?:{_TERM})+", str(text))
    terms = re.findall(_TERM, str(text)) if whole else []
    micros = int(sum(Fraction(number) * UNITS[unit] for number, unit in terms))
    if micros > _LONGEST or not whole:
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"{field}: {text!r} is no duration of at most 100 years such as 30s, 15m, 1h or 7d",
        )
    return Window(str(text), micros)


def parse(block: Mapping[str, Any], present: Sequence[str]) -> Features:
    """Reads `preprocess.features`; `present` are the columns of the data.

    Raises:
        ConfigError: SchemaMismatch for a column that is not there or a feature whose name is taken;
            FieldNotSupportedInMode for an aggregate or a duration that does not exist.
    """
    features = Features(
        entity=str(block["entity"]),
        timestamp=str(block["timestamp"]),
        windows=tuple(_windows(block.get("windows", ()))),
        aggregates=tuple(_aggregates(block.get("aggregates", ()))),
        delay=duration(block.get("delay", "0s"), "preprocess.features.delay").micros,
    )
    missing = [name for name in features.columns if name not in present]
    if missing:
        raise ConfigError(
            "SchemaMismatch",
            f"preprocess.features names column {missing[0]!r}, which is not in the data; "
            f"there are: {', '.join(present)}",
        )
    _check_names(features.names, present)
    return features


def _windows(texts: Sequence[str]) -> list[Window]:
    windows = [duration(text, "preprocess.features.windows") for text in texts]
    if not windows or not all(window.micros for window in windows):
        raise ConfigError(
            "FieldNotSupportedInMode",
            "preprocess.features.windows needs at least one duration, and each must be above zero",
        )
    return windows


def _aggregates(lines: Sequence[Mapping[str, Any]]) -> list[Aggregate]:
    found = [Aggregate(str(kind), str(column)) for line in lines for kind, column in line.items()]
    for one in found:
        if one.kind not in KINDS or (one.column == EVERY and one.kind != "count"):
            raise ConfigError(
                "FieldNotSupportedInMode",
                f"preprocess.features.aggregates: {{{one.kind}: {one.column}}} is not possible; "
                f'there are {", ".join(KINDS)} of a column, and count of "*"',
            )
    if not found:
        raise ConfigError("FieldNotSupportedInMode", "preprocess.features.aggregates is empty")
    return found


def _check_names(names: Sequence[str], present: Sequence[str]) -> None:
    taken = {name.lower() for name in present}
    for name in names:
        if name.lower() in taken:
            raise ConfigError(
                "SchemaMismatch",
                f"the feature {name!r} is there already, as a column or as another feature",
            )
        taken.add(name.lower())
