"""The rows of a write: those that fit the table are handed on, and each one that is not kept is named.

Used by the adapters. No I/O but that of the adapter's own `Put`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import pyarrow as pa

from forebay_workloads.codecs.cells import plain_type
from forebay_workloads.codecs.fit import fit, row_key
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import RowError, WriteReport

Held = Callable[[pa.DataType], pa.DataType]
Put = Callable[[pa.RecordBatch], Mapping[int, str]]  # its answer: row → why it is not in


def upserted(
    batch: pa.RecordBatch,
    schema: pa.Schema,
    key: Sequence[str],
    put: Put,
    *,
    merge: bool = False,
    held: Held = plain_type,
) -> WriteReport:
    """Has the rows that fit written by `put`: with all columns of `schema`, for a merge only those of the batch."""
    wished = [field for field in schema if not merge or field.name in batch.schema.names]
    rows, errors = accepted(batch, wished, key, held)
    bad = put(rows) if rows.num_rows else {}
    if bad:
        refused = {error.index for error in errors}
        places = [index for index in range(batch.num_rows) if index not in refused]
        errors += [_refusal(batch, key, places[row], message) for row, message in bad.items()]
    return WriteReport(rows.num_rows - len(bad), sorted(errors, key=lambda one: one.index))


def accepted(
    batch: pa.RecordBatch,
    fields: Sequence[pa.Field],
    key: Sequence[str],
    held: Held = plain_type,
) -> tuple[pa.RecordBatch, list[RowError]]:
    """The batch with exactly `fields` (null where it has no such column), less the rows refused.

    `held` is the type in which the store holds a column: a value must fit that too.
    """
    bad = checks.null_keys(batch, key)
    arrays = []
    for one in fields:
        if one.name not in batch.schema.names:
            arrays.append(pa.nulls(batch.num_rows, one.type))
            continue
        column = batch.column(one.name)
        for kind in (one.type, held(one.type), one.type):
            column, misfits = fit(column, kind)
            for misfit in misfits:
                bad.setdefault(misfit.index, f"column {one.name!r}: {misfit.message}")
        arrays.append(column)
    rows = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(list(fields)))
    errors = [_refusal(batch, key, index, message) for index, message in sorted(bad.items())]
    if bad:
        rows = rows.filter(pa.array([index not in bad for index in range(batch.num_rows)]))
    return rows, errors


def _refusal(batch: pa.RecordBatch, key: Sequence[str], index: int, message: str) -> RowError:
    return RowError(index, row_key(batch, list(key), index), "SchemaMismatch", message)
