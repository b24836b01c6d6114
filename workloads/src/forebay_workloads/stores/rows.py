"""The rows of a write: those that fit the table, and each one that does not, by name.

Used by the adapters. Pure, no I/O.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa

from forebay_workloads.codecs.cells import plain_type
from forebay_workloads.codecs.fit import fit, row_key
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import RowError

Held = Callable[[pa.DataType], pa.DataType]


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
    errors = [
        RowError(index, row_key(batch, list(key), index), "SchemaMismatch", message)
        for index, message in sorted(bad.items())
    ]
    if bad:
        rows = rows.filter(pa.array([index not in bad for index in range(batch.num_rows)]))
    return rows, errors
