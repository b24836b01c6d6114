"""What every adapter refuses, in the same words: unknown columns, other keys, other types, null keys.

Used by the adapters. Pure, no I/O.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from forebay_workloads.codecs.fit import columns_text, shown
from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.stores.base import Row, WriteReport


def key_in_schema(table: str, schema: pa.Schema, key: Sequence[str]) -> None:
    """A table needs a key of its own columns, and each column once."""
    if not key:
        raise ConfigError(
            "SchemaMismatch", f"table {table!r}: a key of at least one column is needed"
        )
    twice = sorted({name for name in schema.names if schema.names.count(name) > 1})
    if twice:
        raise DataError("SchemaMismatch", f"table {table!r}: two columns are called {twice[0]!r}")
    missing = [name for name in key if name not in schema.names]
    if missing:
        message = f"table {table!r}: key column {missing[0]!r} is not among {columns_text(schema)}"
        raise ConfigError("SchemaMismatch", message)


def all_written(table: str, report: WriteReport) -> None:
    """For rows that nobody would write again: DataError names the first one that the store refused."""
    if report.errors:
        message = f"table {table!r} refused a row: {report.errors[0].message}"
        raise DataError("SchemaMismatch", message)


def no_ttl(store: str, ttl: float | None) -> None:
    """For adapters whose stores cannot forget: ConfigError FieldNotSupportedInMode."""
    if ttl is not None:
        message = f"DataStore {store} cannot forget rows by age: write without ttl"
        raise ConfigError("FieldNotSupportedInMode", message)


def same_key(table: str, key: Sequence[str], actual: Sequence[str]) -> None:
    """The key of a write must be the table's."""
    if list(key) != list(actual):
        message = f"table {table!r}: expected key {list(key)}, actual key {list(actual)}"
        raise DataError("SchemaMismatch", message)


def same_table(
    table: str, schema: pa.Schema, key: Sequence[str], actual: pa.Schema, actual_key: Sequence[str]
) -> None:
    """Each wished column must be there with its type; more columns than wished are no harm."""
    same_key(table, key, actual_key)
    for field in schema:
        index = actual.get_field_index(field.name)
        if index < 0:
            message = (
                f"table {table!r}: expected column {field.name} {field.type}, "
                f"actual columns {columns_text(actual)}"
            )
            raise DataError("SchemaMismatch", message)
        if not actual.field(index).type.equals(field.type):
            message = (
                f"table {table!r}, column {field.name!r}: expected type {field.type}, "
                f"actual type {actual.field(index).type}"
            )
            raise DataError("SchemaMismatch", message)


_FAMILIES = (
    (pa.types.is_timestamp,),
    (pa.types.is_integer, lambda kind: pa.types.is_decimal(kind) and kind.scale == 0),
    (pa.types.is_floating, pa.types.is_decimal),
    (pa.types.is_string, pa.types.is_large_string),
    (pa.types.is_binary, pa.types.is_large_binary),
    (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list),
)


def fitting(schema: pa.Schema, actual: pa.Schema) -> pa.Schema:
    """The wished schema with the type that somebody else's table has, where that is of the same family.

    Values are checked one by one then.
    """

    def fits(one: pa.DataType, other: pa.DataType) -> bool:
        return any(
            any(test(one) for test in family) and any(test(other) for test in family)
            for family in _FAMILIES
        )

    fields = []
    for field in schema:
        index = actual.get_field_index(field.name)
        there = actual.field(index).type if index >= 0 else field.type
        fields.append(pa.field(field.name, there if fits(field.type, there) else field.type))
    return pa.schema(fields)


def known_columns(table: str, schema: pa.Schema, actual: pa.Schema) -> None:
    """A batch may bring no column that the table lacks, and none twice."""
    unknown = [name for name in schema.names if name not in actual.names]
    if unknown:
        message = f"table {table!r} has no column {unknown[0]!r}; it has {columns_text(actual)}"
        raise DataError("SchemaMismatch", message)
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise DataError("SchemaMismatch", f"table {table!r}: two columns are called {twice[0]!r}")


def selected(table: str, schema: pa.Schema, columns: Sequence[str] | None) -> pa.Schema:
    """The schema of the named columns, in that order; all of them for None."""
    if columns is None:
        return schema
    missing = [name for name in columns if name not in schema.names]
    if missing:
        message = f"{table!r} has no column {missing[0]!r}; it has {columns_text(schema)}"
        raise ConfigError("SchemaMismatch", message)
    return pa.schema([schema.field(name) for name in columns])


def null_keys(batch: pa.RecordBatch, key: Sequence[str]) -> dict[int, str]:
    """Row index → message for each row without a whole key."""
    bad: dict[int, str] = {}
    for name in key:
        if name not in batch.schema.names:
            message = f"the batch has no key column {name!r}; it has {columns_text(batch.schema)}"
            raise DataError("SchemaMismatch", message)
        column = batch.column(name)
        if column.null_count:
            for index in pc.indices_nonzero(column.is_null()).to_pylist():
                bad.setdefault(index, f"key column {name!r} is null")
    return bad


def key_columns(
    table: str, schema: pa.Schema, key: Sequence[str], keys: Sequence[Row]
) -> list[pa.Array]:
    """The keys of a read as columns of the table's types."""
    columns = []
    for name in key:
        kind = schema.field(name).type
        try:
            values: list[Any] = [row[name] for row in keys]
            columns.append(pa.array(values, kind))
        except KeyError as error:
            message = f"table {table!r}: each key needs {list(key)}, one lacks {name!r}"
            raise ConfigError("SchemaMismatch", message) from error
        except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, TypeError) as error:
            message = (
                f"table {table!r}: {name!r} is {kind}, asked for {shown(values[:3])}: {cut(error)}"
            )
            raise DataError("SchemaMismatch", message) from error
    return columns


def expired(what: str, why: str) -> DataError:
    """The error of a scan whose pinned state is gone."""
    return DataError("SnapshotExpired", f"{what}: {why} since it was pinned; start a new run")
