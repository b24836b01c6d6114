"""Upserts: Arrow rows → whole documents, or for a merge fields set inside each document.

Used by `couchbase.py`. The same batch twice leaves the same documents, so a request whose outcome is unknown may be
sent again. Documents that the server refuses are named, all others are in. In a table that the adapter made, a key is
noted before its document is written: documents that are there already have theirs noted.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from datetime import timedelta
from functools import partial
from typing import Any

import pyarrow as pa
from couchbase import subdocument

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.couchbase_catalog import Catalog, TableInfo
from forebay_workloads.stores.couchbase_connection import Connection
from forebay_workloads.stores.couchbase_errors import MISSING
from forebay_workloads.stores.couchbase_index import Index
from forebay_workloads.stores.couchbase_names import Bad, names_of, path
from forebay_workloads.stores.couchbase_values import body, columns_of
from forebay_workloads.stores.known import holding
from forebay_workloads.stores.rows import upserted

SLICE = 2_000  # documents of which the next ones are taken to be new or not
FIELDS = 16  # that one request sets: the server takes no more
MOSTLY_NEW = 0.99  # of a batch that begins with an insert

Refused = dict[str, str]  # name of a document → why it is not in
Send = Callable[[str, Mapping[str, bytes]], tuple[list[str], Refused]]


class Writes:
    """Writes batches into tables."""

    def __init__(self, connection: Connection, catalog: Catalog, index: Index) -> None:
        self._connection = connection
        self._catalog = catalog
        self._index = index
        self._new: dict[str, bool] = {}  # whether most rows of a table were new

    def write(
        self,
        table: str,
        batch: pa.RecordBatch,
        key: Sequence[str],
        *,
        merge: bool,
        ttl: float | None = None,
    ) -> WriteReport:
        """Upserts by key; rows without a whole key, or that do not fit, are named."""
        info = holding(self._catalog, table, batch.schema)
        info.checked_key(key)
        if merge:
            info = self._catalog.widen(info, batch.schema)
        checks.known_columns(table, batch.schema, info.schema)
        put = partial(self._put, info, merge=merge, ttl=ttl)
        try:
            return upserted(batch, info.schema, info.key, put, merge=merge)
        except ConfigError:
            self._catalog.forget(table)
            raise

    def _put(self, info: TableInfo, rows: pa.RecordBatch, *, merge: bool, ttl: float | None) -> Bad:
        """Row → why it is not in, for each that is not."""
        names, bad = names_of(info.place, [rows.column(name) for name in info.key], own=info.own)
        last = {name: row for row, name in enumerate(names) if row not in bad}
        expiry = None if ttl is None else timedelta(seconds=math.ceil(ttl))
        if merge:
            failed = self._merge(info, last, rows, expiry)
        else:
            columns = columns_of(rows, own=info.own)
            whole = {name: body(columns, row) for name, row in last.items()}
            failed = self._whole(info, whole, expiry)
        for row, name in enumerate(names):
            if row not in bad and name in failed:
                bad[row] = failed[name]
        return bad

    # Whole documents.

    def _whole(
        self, info: TableInfo, whole: Mapping[str, bytes], expiry: timedelta | None
    ) -> Refused:
        send = self._sender(info, expiry)
        if not info.own:
            return send("upsert", whole)[1]
        refused: Refused = {}
        if whole and info.id not in self._new:
            self._new[info.id] = not self._index.pages(info.home, info.id)
        names = list(whole)
        for first in range(0, len(names), SLICE):
            some = {name: whole[name] for name in names[first : first + SLICE]}
            refused |= self._slice(info, some, send)
        return refused

    def _slice(self, info: TableInfo, some: Mapping[str, bytes], send: Send) -> Refused:
        """As most of the slice before was: new ones at first, or those that are there."""
        if self._new[info.id]:
            self._index.add(info.home, info.id, list(some))
            there, refused = send("insert", some)
            rest = there
            self._new[info.id] = len(there) <= len(some) * (1 - MOSTLY_NEW)
        else:
            rest, refused = send("replace", some)
            self._index.add(info.home, info.id, rest)
            self._new[info.id] = len(rest) > len(some) * MOSTLY_NEW
        return refused | send("upsert", {name: some[name] for name in rest})[1]

    def _sender(self, info: TableInfo, expiry: timedelta | None) -> Send:
        """Sends documents; which of them were there or missing against the wish, and those refused."""
        options = {} if expiry is None else {"expiry": expiry}

        def send(operation: str, some: Mapping[str, bytes]) -> tuple[list[str], Refused]:
            what = f"table {info.name!r}"
            found = self._connection.many(info.place, operation, some, what, options=options)
            said = {
                name: f"refused by the server: {e.message}" for name, e in found.refused.items()
            }
            return sorted(found.there | found.missing), said

        return send

    # Fields of documents.

    def _merge(
        self,
        info: TableInfo,
        last: Mapping[str, int],
        rows: pa.RecordBatch,
        expiry: timedelta | None,
    ) -> Refused:
        columns = columns_of(rows, own=info.own)
        fields = {
            name: {column: values[row] for column, values in columns.items()}
            for name, row in last.items()
        }
        missing, refused = self._update(info, fields, expiry, create=not info.own)
        if missing:
            self._index.add(info.home, info.id, missing)
            again = {name: fields[name] for name in missing}
            refused |= self._update(info, again, expiry, create=True)[1]
        return refused

    def _update(
        self,
        info: TableInfo,
        fields: Mapping[str, Mapping[str, Any]],
        expiry: timedelta | None,
        *,
        create: bool,
    ) -> tuple[list[str], Refused]:
        """Some at once. None is in flight when the call is over: it would overtake a newer write."""
        asked: dict[str, Future[bool]] = {
            name: self._connection.pool.submit(self._set, info, name, some, expiry, create)
            for name, some in fields.items()
        }
        missing: list[str] = []
        refused: Refused = {}
        try:
            for name, one in asked.items():
                try:
                    if not one.result():
                        missing.append(name)
                except DataError as error:
                    refused[name] = f"refused by the server: {error.message}"
        finally:
            for one in asked.values():
                one.cancel()
            wait(asked.values())
        return missing, refused

    def _set(
        self,
        info: TableInfo,
        name: str,
        fields: Mapping[str, Any],
        expiry: timedelta | None,
        create: bool,
    ) -> bool:
        """Sets the fields, those that are not of the document's first; whether it was there."""
        semantics = subdocument.StoreSemantics
        options: dict[str, Any] = {
            "store_semantics": semantics.UPSERT if create else semantics.REPLACE,
            **self._connection.durable(),
        }
        if expiry is not None:
            options["expiry"] = expiry
        elif self._connection.has_collections:
            options["preserve_expiry"] = True
        collection = self._connection.collection(info.place)
        full = f"{info.place.prefix}{name}"

        def mutate(some: Sequence[tuple[str, Any]]) -> bool:
            specs = [subdocument.upsert(path(field), value) for field, value in some]
            try:
                collection.mutate_in(full, specs, **options)
            except MISSING:
                return False
            return True

        what = f"table {info.name!r}"
        return all(
            self._connection.patiently(partial(mutate, some), what) for some in parted(fields)
        )


def parted(fields: Mapping[str, Any]) -> Iterable[list[tuple[str, Any]]]:
    """Of one request each; one that sets nothing is none. Pure."""
    items = list(fields.items())
    return [items[first : first + FIELDS] for first in range(0, len(items), FIELDS)]
