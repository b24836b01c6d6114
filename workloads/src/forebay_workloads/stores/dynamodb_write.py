"""Upserts: Arrow rows → puts in batches of 25, or for a merge one update of each item.

Used by `dynamodb.py`. The same batch twice leaves the same items, so a request whose outcome is unknown may be sent
again. What the service did not process is sent again, ever later; rows that it refuses are named, all others are in.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from functools import partial

import pyarrow as pa

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.dynamodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_rows import Bad, items_of, keys_of, name_of, updates
from forebay_workloads.stores.dynamodb_ttl import end_of, ready
from forebay_workloads.stores.dynamodb_values import Item, Value
from forebay_workloads.stores.known import holding
from forebay_workloads.stores.pauses import pauses
from forebay_workloads.stores.rows import upserted

PUTS = 25  # of one request
PATIENCE = 12  # attempts without any progress, with at most 5 s between them

Fields = Mapping[str, Value | None]
Job = Callable[[], Bad]


class Writes:
    """Writes batches into tables."""

    def __init__(
        self,
        connection: Connection,
        catalog: Catalog,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._sleep = sleep

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
        if ttl is not None:
            info = ready(self._connection, self._catalog, info)
        put = partial(self._put, info, merge=merge, ttl=ttl)
        return upserted(batch, info.schema, info.key, put, merge=merge)

    def _put(self, info: TableInfo, rows: pa.RecordBatch, *, merge: bool, ttl: float | None) -> Bad:
        """Row → why it is not in, for each that is not."""
        keys, bad = keys_of(info, [rows.column(name) for name in info.key])
        fields, unfit = items_of(info, rows, keys, end_of(ttl))
        bad |= unfit
        same = by_key(keys, bad)
        last = [rows_of_key[-1] for rows_of_key in same]
        jobs = (self._updates if merge else self._puts)(info, keys, fields, last)
        failed = self._run(info, jobs)
        for rows_of_key in same:
            if rows_of_key[-1] in failed:
                bad |= dict.fromkeys(rows_of_key, failed[rows_of_key[-1]])
        return bad

    def _puts(
        self, info: TableInfo, keys: Sequence[Item], fields: Sequence[Fields], rows: Sequence[int]
    ) -> Iterator[Job]:
        for first in range(0, len(rows), PUTS):
            some = {row: whole(keys[row], fields[row]) for row in rows[first : first + PUTS]}
            yield partial(self._batch, info, some)

    def _updates(
        self, info: TableInfo, keys: Sequence[Item], fields: Sequence[Fields], rows: Sequence[int]
    ) -> Iterator[Job]:
        for row in rows:
            yield partial(self._update, info, row, keys[row], fields[row])

    def _run(self, info: TableInfo, jobs: Iterator[Job]) -> Bad:
        """All of them, some at once. None is in flight when the call is over: it would overtake a newer write."""
        bad: Bad = {}
        flying: set[Future[Bad]] = set()
        try:
            for job in jobs:
                if len(flying) >= self._connection.concurrency:
                    done, flying = wait(flying, return_when=FIRST_COMPLETED)
                    for one in done:
                        bad |= one.result()
                flying.add(self._connection.pool.submit(job))
            for one in flying:
                bad |= one.result()
        except ConfigError:
            self._catalog.forget(info.name)
            raise
        finally:
            wait(flying)
        if bad:
            self._check_table(info)
        return bad

    def _check_table(self, info: TableInfo) -> None:
        """Rows were refused: where the table is another one now, that is what to say."""
        now = self._catalog.info(info.name)
        if now.id != info.id:
            raise checks.expired(f"table {info.name!r}", "it was dropped and made again")

    def _batch(self, info: TableInfo, items: Mapping[int, Item]) -> Bad:
        """One request, and what it left over; when the service refuses it, each item alone."""
        todo = [{"PutRequest": {"Item": item}} for item in items.values()]
        what = f"table {info.name!r}"
        waits = pauses(PATIENCE)
        while todo:
            try:
                found = self._connection.call(
                    "BatchWriteItem", {"RequestItems": {info.target: todo}}, what
                )
            except DataError:
                return self._alone(info, items)
            left = found.get("UnprocessedItems", {}).get(info.target, [])
            if len(left) < len(todo):
                waits = pauses(PATIENCE)
            elif not waits:
                message = (
                    f"{self._connection.where}: {what}: {len(left)} items are not taken: "
                    "its throughput is used up"
                )
                raise RetryableError("StoreThrottled", message)
            todo = left
            if todo:
                self._sleep(waits.pop(0))
        return {}

    def _alone(self, info: TableInfo, items: Mapping[int, Item]) -> Bad:
        bad: Bad = {}
        for row, item in items.items():
            try:
                self._connection.call("PutItem", {"TableName": info.target, "Item": item}, "")
            except DataError as error:
                bad[row] = f"refused by the service: {said(error)}"
        return bad

    def _update(self, info: TableInfo, row: int, key: Item, fields: Fields) -> Bad:
        try:
            for update in updates(fields):
                self._connection.call(
                    "UpdateItem",
                    {"TableName": info.target, "Key": key, **update},
                    f"table {info.name!r}",
                )
        except DataError as error:
            return {row: f"refused by the service: {said(error)}"}
        return {}


def whole(key: Item, fields: Fields) -> Item:
    """The item of a row: nulls are attributes that it does not have."""
    return {**{name: value for name, value in fields.items() if value is not None}, **key}


def by_key(keys: Sequence[Item], bad: Mapping[int, str]) -> list[list[int]]:
    """The rows of each key in their order: the last one is kept."""
    groups: dict[bytes, list[int]] = {}
    for row, key in enumerate(keys):
        if row not in bad:
            groups.setdefault(name_of(key), []).append(row)
    return list(groups.values())


def said(error: DataError) -> str:
    """The service's own words."""
    return str(error.__cause__).rpartition("operation: ")[2]
