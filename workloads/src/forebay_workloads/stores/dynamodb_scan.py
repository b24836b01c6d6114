"""Reads a table in the service's own segments: one page is decoded while the next one is on its way.

Used by `dynamodb.py`. A page holds at most 1 MB; memory holds two. A page that fails for a passing cause is asked for
again by the client; a segment that cannot be ended fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow as pa

from forebay_workloads.errors import DataError
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Snapshot, Split
from forebay_workloads.stores.dynamodb_catalog import Catalog, TableInfo, is_empty
from forebay_workloads.stores.dynamodb_connection import Connection
from forebay_workloads.stores.dynamodb_ttl import without_ended
from forebay_workloads.stores.dynamodb_values import batch_of

SEGMENTS = 1_000_000  # at most
PAGE_ROWS = 20_000  # a smaller page is asked for by number; a larger one ends by its bytes anyway
EXPRESSION_BYTES = 4096


class Scans:
    """Snapshots, splits and scans."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog

    def snapshot(self, table: str) -> Snapshot:
        """Names the table by its number. DynamoDB has no pin: a scan sees what is there when it comes by."""
        info = self._catalog.info(table)
        empty = is_empty(self._connection, info.target)
        return Snapshot(table, "None", rows=0 if empty else None, at={"table": info.id})

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Segments of the table, by the hash of the partition's key."""
        parts = 1 if snapshot.rows == 0 else max(1, min(count, SEGMENTS))
        return [Split(snapshot, index, parts, {"segment": index}) for index in range(parts)]

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The segment's items, a batch or some for each page."""
        info = self._catalog.info(split.snapshot.table)
        if info.id != split.snapshot.at["table"]:
            raise checks.expired(f"table {info.name!r}", "it was dropped and made again")
        schema = checks.selected(info.name, info.schema, columns)
        request = {
            "TableName": info.target,
            "Segment": split.at["segment"],
            "TotalSegments": split.count,
            "ConsistentRead": True,
        }
        if columns is not None:
            request |= projection(schema.names)
        if batch_rows < PAGE_ROWS:
            request["Limit"] = batch_rows
        if info.expires:
            request = without_ended(request)
        for items in self._pages(info, request):
            for first in range(0, len(items), batch_rows):
                some = items[first : first + batch_rows]
                yield batch_of(some, schema, info.name, own=info.own)

    def _pages(self, info: TableInfo, request: dict[str, Any]) -> Iterator[list[Any]]:
        with ThreadPoolExecutor(1, "dynamodb-scan") as ahead:
            pending = ahead.submit(self._page, info, request)
            while True:
                page = pending.result()
                if "LastEvaluatedKey" in page:
                    following = {**request, "ExclusiveStartKey": page["LastEvaluatedKey"]}
                    pending = ahead.submit(self._page, info, following)
                yield page["Items"]
                if "LastEvaluatedKey" not in page:
                    return

    def _page(self, info: TableInfo, request: dict[str, Any]) -> Any:
        page = self._connection.call("Scan", request, f"table {info.name!r}")
        if len(page["Items"]) != page["Count"]:
            message = (
                f"table {info.name!r}: {page['Count']} items were sent, {len(page['Items'])} came"
            )
            raise DataError("SchemaMismatch", message)
        return page


def projection(names: Sequence[str]) -> dict[str, Any]:
    """What asks for these attributes only; nothing where the words would not fit."""
    aliases = {f"#{index}": name for index, name in enumerate(dict.fromkeys(names))}
    text = ", ".join(aliases)
    if not text or len(text) > EXPRESSION_BYTES:
        return {}
    return {"ProjectionExpression": text, "ExpressionAttributeNames": aliases}
