"""Makes a column fit a type and names each row that does not. Pure, no I/O.

Used by the stores: a batch that was read from one place rarely has exactly the types of another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

SHOWN = 40  # characters of a value in a message: enough to find it, too few to leak a document

_ERRORS = (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError)


@dataclass(frozen=True)
class Misfit:
    """A value that is not of the type asked for."""

    index: int  # of the row in the column
    message: str


def shown(value: Any) -> str:
    """A value as it may appear in a message: quoted and cut short."""
    text = value if isinstance(value, str) else str(value)
    return repr(text if len(text) <= SHOWN else text[: SHOWN - 1] + "…")


def fit(column: pa.Array, kind: pa.DataType) -> tuple[pa.Array, list[Misfit]]:
    """The column as `kind`, null where a value does not fit, and the values that do not."""
    if column.type.equals(kind):
        return column, []
    misfits: list[Misfit] = []
    pieces: list[pa.Array] = []
    _fit(column, kind, 0, pieces, misfits)
    if len(pieces) == 1:
        return pieces[0], misfits
    return pa.concat_arrays(pieces) if pieces else pa.nulls(0, kind), misfits


def _fit(
    column: pa.Array, kind: pa.DataType, start: int, out: list[pa.Array], misfits: list[Misfit]
) -> None:
    """Halves a column that does not fit until the guilty rows are alone: few bad rows cost little."""
    try:
        out.append(column.cast(kind))
    except _ERRORS:
        if len(column) == 1:
            misfits.append(Misfit(start, f"{shown(column[0].as_py())} is not {named(kind)}"))
            out.append(pa.nulls(1, kind))
            return
        half = len(column) // 2
        _fit(column.slice(0, half), kind, start, out, misfits)
        _fit(column.slice(half), kind, start + half, out, misfits)


def named(kind: pa.DataType) -> str:
    """A type as a reader calls it."""
    if pa.types.is_integer(kind):
        return f"a whole number ({kind})"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return f"a number ({kind})"
    if pa.types.is_boolean(kind):
        return "true or false"
    if pa.types.is_timestamp(kind):
        return f"a time ({kind})"
    return f"of type {kind}"


def columns_text(schema: pa.Schema, limit: int = 30) -> str:
    """A schema as one line: `user string, rating double`."""
    words = [f"{field.name} {field.type}" for field in schema]
    more = f", … {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more if words else "no columns"


def row_key(batch: pa.RecordBatch, key: list[str], index: int) -> Mapping[str, Any]:
    """The key of one row, JSON-able, for reports."""
    values = {name: batch.column(name)[index].as_py() for name in key if name in batch.schema.names}
    return {
        k: v if isinstance(v, str | int | float | bool) or v is None else str(v)
        for k, v in values.items()
    }
