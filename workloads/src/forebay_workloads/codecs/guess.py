"""Guesses the type of a column of texts from all of its values, one batch after the other. Pure.

Used by the CSV reader. A guess from the first rows only would break at row 70,000; this one sees every
row and keeps a few counters per column. Three rules of its own:

- a number with leading zeros (007, 02134) or too large for 64 bits is a name, so the column is text;
- a column of numbers with at most 1 % of other words is still a column of numbers, and those words are
  errors to be named, not a reason to call everything text;
- only spellings of nothing (NA, null, …) are null in columns that are not text.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc

NULLS = ("", "NA", "N/A", "#N/A", "n/a", "null", "NULL", "Null", "None", r"\N")
TIMESTAMP = pa.timestamp("us")
TIMESTAMP_UTC = pa.timestamp("us", "UTC")
ORDER = (pa.int64(), pa.float64(), pa.bool_(), pa.date32(), TIMESTAMP, TIMESTAMP_UTC)
NUMBERS = (pa.int64(), pa.float64())
NUMBER = r"^[+-]?((\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[nN]a[nN]|[iI]nf(inity)?)$"
NAME_LIKE = r"^[+-]?0[0-9xX]"  # 007 and 0x1F are names, whatever they look like
DIGITS = r"^[+-]?\d+$"

FEW = 32
TOLERATED = 0.01  # the share of other words that a column of numbers may hold
TOLERATED_FROM = 100  # values; below that a mixed column is text


def values_of(column: pa.Array, nulls: tuple[str, ...] = NULLS) -> pa.Array:
    """The texts trimmed, spellings of nothing as null: what a column that is not text is read from."""
    trimmed = pc.utf8_trim_whitespace(column)
    blank = pc.is_in(trimmed, value_set=pa.array(nulls, pa.string()))
    return pc.if_else(blank, pa.scalar(None, pa.string()), trimmed)


def _casts(values: pa.Array, kind: pa.DataType) -> bool:
    try:
        # Arrow goes on after the first failure and makes a message for each: a few values first.
        values.slice(0, FEW).cast(kind)
        values.cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


@dataclass
class Guess:
    """What is still possible for one column."""

    nulls: tuple[str, ...] = NULLS
    seen: int = 0  # values that are not null
    odd: int = 0  # of these, how many are no numbers
    alive: list[pa.DataType] = field(default_factory=lambda: list(ORDER))

    def update(self, column: pa.Array) -> None:
        """Adds a batch of texts."""
        if not self.alive:
            return
        values = values_of(column, self.nulls).drop_null()
        if not len(values):
            return
        self.seen += len(values)
        for kind in [kind for kind in self.alive if kind not in NUMBERS]:
            if not _casts(values, kind):
                self.alive.remove(kind)
        if pa.float64() in self.alive:
            self._numbers(values)

    def _numbers(self, values: pa.Array) -> None:
        if _names(values):
            self._no_number()
            return
        whole = pa.int64() in self.alive
        if whole and _casts(values, pa.int64()):
            return
        numbers = values
        if not _casts(values, pa.float64()):
            numbers = values.filter(pc.match_substring_regex(values, NUMBER))
            self.odd += len(values) - len(numbers)
            whole = whole and not _casts(numbers, pa.int64())
        if self.odd * 2 > self.seen:
            self._no_number()
        elif whole:
            self._not_whole(numbers)

    def _not_whole(self, numbers: pa.Array) -> None:
        """Not all numbers fit 64 bits as whole ones: because of fractions, or because they are too long."""
        if pc.all(pc.match_substring_regex(numbers, DIGITS)).as_py():
            self._no_number()  # as floats they would become other numbers
        else:
            self.alive.remove(pa.int64())

    def _no_number(self) -> None:
        self.alive = [kind for kind in self.alive if kind not in NUMBERS]

    @property
    def doubtful(self) -> bool:
        """Whether the type is one that not all values fit."""
        return self.odd > 0 and self.kind() in NUMBERS

    def kind(self) -> pa.DataType:
        """The type of the column after all batches."""
        if not self.seen:
            return pa.string()
        whole = [kind for kind in self.alive if kind not in NUMBERS or not self.odd]
        tolerated = self.seen >= TOLERATED_FROM and self.odd <= TOLERATED * self.seen
        return next(iter(whole or (self.alive if tolerated else ())), pa.string())


def _names(values: pa.Array) -> bool:
    if not pc.any(pc.less(values, "0")).as_py():  # no signs: only a leading zero can make a name
        values = values.filter(pc.starts_with(values, "0"))
    return bool(pc.any(pc.match_substring_regex(values, NAME_LIKE)).as_py())
