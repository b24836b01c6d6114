"""What an ingest is asked to do: the two open stores, the tables, the key, the types. Decided before a row moves.

Used by `ingest.run` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.cells import plain_schema
from forebay_workloads.codecs.fit import columns_text
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest.pinned import reader
from forebay_workloads.lifetime import lifetime
from forebay_workloads.stage import Stage
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import COPIED, Reader, Snapshot, Store

ROW = "_row"  # the key of a table that was given none: the place of the row in the source, from 0


@dataclass(frozen=True)
class Plan:
    """One ingest, checked."""

    source_name: str
    source_table: str
    source: Reader
    snapshot: Snapshot
    target_name: str
    target_table: str
    target: Store
    schema: pa.Schema  # of the rows as they are written
    key: list[str]
    ttl: float | None  # seconds that a row is kept
    rows_per_second: float | None  # the lower of both stores' limits; a copy has none
    dead_letter: Mapping[str, Any] | None

    @property
    def numbered(self) -> bool:
        """Whether rows get a number for want of a key."""
        return self.key == [ROW]

    @classmethod
    def of(cls, stage: Stage, block: Mapping[str, Any]) -> Plan:
        """Opens both stores, pins the source, makes or checks the target's types."""
        _check_mode(block)
        origin, aim = block["from"], block["to"]
        source_name, target_name = origin["storeRef"]["name"], aim["storeRef"]["name"]
        opened = _source(stage, source_name, origin.get("format"))
        target = stage.store(target_name)
        if (source_name, origin["table"]) == (target_name, aim["table"]):
            message = f"ingest.from and ingest.to are both table {aim['table']!r} of {target_name}"
            raise ConfigError("NameConflict", message)
        ttl = lifetime(target, aim, "ingest.to")
        source = reader(stage, origin, opened)
        snapshot = source.snapshot(origin["table"])
        schema = plain_schema(source.schema(origin["table"]))
        key = [*(aim.get("key") or ()), *(aim.get("clustering") or ())]
        if len(schema):  # a source without columns has no rows either: the copy says so
            key, schema = _keyed(key, schema, origin["table"])
            schema = _as_target(target, aim["table"], schema)
        return cls(
            source_name=source_name,
            source_table=origin["table"],
            source=source,
            snapshot=snapshot,
            target_name=target_name,
            target_table=aim["table"],
            target=target,
            schema=schema,
            key=key,
            ttl=ttl,
            rows_per_second=_limit(
                stage, *(() if snapshot.strength == COPIED else (source_name,)), target_name
            ),
            dead_letter=_dead_letter(block, source_name),
        )


def _check_mode(block: Mapping[str, Any]) -> None:
    if block.get("mode", "batch") != "batch" or not block["from"].get("table"):
        message = (
            "a table is read once per run; mode stream reads from.topic and is a Deployment's work"
        )
        raise ConfigError("FieldNotSupportedInMode", message)


def _source(stage: Stage, name: str, file_format: str | None) -> Store:
    """The store to read; `from.format` says what a file is whose name does not."""
    ref = stage.ref(name)
    if not file_format or ref.type != "files":
        return stage.store(name)
    options = {**(ref.settings.get("options") or {}), "format": file_format}
    store = open_store(replace(ref, settings={**ref.settings, "options": options}))
    return stage.keep(store)


def _keyed(key: list[str], schema: pa.Schema, table: str) -> tuple[list[str], pa.Schema]:
    """The key and the schema with it: a table without a key is numbered."""
    missing = [name for name in key if name not in schema.names]
    if missing:
        message = (
            f"ingest.to.key: {table} has no column {missing[0]!r}; it has {columns_text(schema)}"
        )
        raise ConfigError("SchemaMismatch", message)
    if key:
        return key, schema
    if ROW in schema.names:
        raise ConfigError(
            "SchemaMismatch", f"{table} has a column {ROW!r}; name the key in ingest.to.key"
        )
    return [ROW], pa.schema([pa.field(ROW, pa.int64()), *schema])


def _as_target(target: Store, table: str, schema: pa.Schema) -> pa.Schema:
    """Types of a table that is there already: a value that does not fit is named with its row."""
    try:
        actual = target.schema(table)
    except ConfigError as error:
        if error.reason == "ReferenceMissing":
            return schema
        raise
    return pa.schema(
        [actual.field(one.name) if one.name in actual.names else one for one in schema]
    )


def _limit(stage: Stage, *names: str) -> float | None:
    limits = [stage.ref(name).limits.get("rowsPerSecond") for name in names]
    return min((float(one) for one in limits if one), default=None)


def _dead_letter(block: Mapping[str, Any], source_name: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = (block.get("delivery") or {}).get("deadLetter")
    return {"storeRef": {"name": source_name}, **found} if found else None
