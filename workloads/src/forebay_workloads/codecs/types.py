"""Type names as a DataStore declares them ⇄ Arrow types. Pure."""

from __future__ import annotations

import pyarrow as pa

from forebay_workloads.errors import ConfigError

TYPES: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bool": pa.bool_(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "float32": pa.float32(),
    "float64": pa.float64(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
    "timestamptz": pa.timestamp("us", "UTC"),
    "binary": pa.binary(),
}


def declared(name: str, where: str) -> pa.DataType:
    """The Arrow type of a declared name; ConfigError SchemaMismatch lists the names there are."""
    if name not in TYPES:
        message = f"{where}: no type {name!r}; there are {', '.join(TYPES)}"
        raise ConfigError("SchemaMismatch", message)
    return TYPES[name]
