"""Reads a collection: what it is pinned to, its ranges of `_id`, and each of them as Arrow batches.

Used by `mongodb.py`. A replica set pins a scan to its cluster time; the server keeps that for some minutes. A
single server cannot, and the snapshot says so. Each part knows its number of documents and fails when a scan of
it ends with another one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

import bson
import pyarrow as pa
from bson.timestamp import Timestamp
from pymongo.collection import Collection
from pymongo.errors import OperationFailure, PyMongoError
from pymongo.read_concern import ReadConcern

from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Snapshot, Split
from forebay_workloads.stores.mongodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.mongodb_columns import Pages
from forebay_workloads.stores.mongodb_connection import CODEC, Connection, Document
from forebay_workloads.stores.mongodb_errors import EXPIRED, passing
from forebay_workloads.stores.mongodb_layout import Places, starts_of
from forebay_workloads.stores.mongodb_names import ID, REST
from forebay_workloads.stores.mongodb_split import borders, bracket, filter_of, ranges
from forebay_workloads.stores.mongodb_types import is_fine

EXACT = 20_000  # documents whose ids are read to find borders; of more, a random sample of so many
COUNT = [{"$group": {ID: None, "rows": {"$sum": 1}}}]
NO_SNAPSHOTS = {20, 72, 123, 246, 9, 2}  # a single server, or one too old, refuses the read concern
LONG_AGO = Timestamp(1, 1)
PAUSES = (
    0.2,
    0.5,
    1.0,
    2.0,
    4.0,
)  # seconds before a lost cursor is opened again, from the last id on


class At(ReadConcern):
    """Reads as of one cluster time, from any process: the driver's own sessions cannot be told one."""

    def __init__(self, at: Timestamp) -> None:
        super().__init__("snapshot")
        self._at = at

    @property
    def document(self) -> dict[str, Any]:
        """As the server is told."""
        return {"level": "snapshot", "atClusterTime": self._at}


class Scans:
    """Snapshots, splits and scans of one database."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._honest: bool | None = None  # once asked

    def snapshot(self, table: str) -> Snapshot:
        """Counts the documents, at a cluster time where the server has one."""
        info = self._catalog.info(table)
        left = {"now": int(time.time() * 1000)} if info.expires else {}
        with self._connection.speak(f"table {table!r}"):
            rows, at = self._pinned(table, filter_of(left))
            if at is None:
                rows = _count(self._catalog.collection(table), filter_of(left))
                return Snapshot(table, "None", rows=rows, at=left)
        pin = {"clusterTime": [at.time, at.inc], **left}
        return Snapshot(table, "Pinned", rows=rows, at=pin)

    def _pinned(self, table: str, query: Document) -> tuple[int, Timestamp | None]:
        """Rows and cluster time; no time where the server names none, or does not keep to the one it names."""
        try:
            reply = self._count_at(table, query, {"level": "snapshot"})
        except OperationFailure as error:
            if error.code not in NO_SNAPSHOTS:
                raise
            return 0, None
        found, at = reply["cursor"]["firstBatch"], reply["cursor"].get("atClusterTime")
        if not isinstance(at, Timestamp) or not self._goes_back(table):
            return 0, None
        return (found[0]["rows"] if found else 0), at

    def _goes_back(self, table: str) -> bool:
        """Whether the server minds the time asked for: of long ago it has no content, and must say so."""
        if self._honest is None:
            try:
                self._count_at(table, {}, {"level": "snapshot", "atClusterTime": LONG_AGO})
                self._honest = False
            except OperationFailure as error:
                self._honest = error.code in EXPIRED
        return self._honest

    def _count_at(self, table: str, query: Document, concern: Mapping[str, Any]) -> Document:
        pipeline = [{"$match": query}, *COUNT]
        return self._connection.database.command(
            "aggregate", table, pipeline=pipeline, cursor={}, readConcern=concern
        )

    def _collection(self, snapshot: Snapshot) -> Collection[Document]:
        collection = self._catalog.collection(snapshot.table)
        pin = snapshot.at.get("clusterTime")
        return collection.with_options(read_concern=At(Timestamp(*pin))) if pin else collection

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of about equally many documents, each with their number."""
        with self._connection.speak(f"table {snapshot.table!r}"):
            collection = self._collection(snapshot)
            left = {name: value for name, value in snapshot.at.items() if name == "now"}
            parts = [{**part, **left} for part in self._ranges(collection, count)]
            if len(parts) == 1 and snapshot.strength == "Pinned":
                counts = [snapshot.rows or 0]
            else:
                counts = [_count(collection, filter_of(part)) for part in parts]
        return [
            Split(snapshot, index, len(parts), {**part, "rows": rows})
            for index, (part, rows) in enumerate(zip(parts, counts, strict=True))
        ]

    def _ranges(self, collection: Collection[Document], count: int) -> list[dict[str, Any]]:
        first = next(iter(collection.find({}, {ID: 1}).sort(ID, 1).limit(1)), None)
        if first is None:
            return ranges([], mixed=False)
        last = next(iter(collection.find({}, {ID: 1}).sort(ID, -1).limit(1)), first)
        mixed = bracket(first[ID]) != bracket(last[ID])
        return ranges(borders(_ids(collection), count) if count > 1 else [], mixed=mixed)

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """Documents in the order of their ids; fails when there are not as many as there have to be."""
        info = self._catalog.info(split.snapshot.table)
        schema = checks.selected(split.snapshot.table, info.schema, columns)
        collection, rows = self._collection(split.snapshot), 0
        with self._connection.speak(f"table {info.name!r}"):
            made = Pages(schema, info.name, own=info.own)
            for raw, starts in pages(collection, split.at, projection(info, schema), batch_rows):
                count = len(starts) - 1
                rows += count
                for first in range(0, count, batch_rows):
                    yield made.batch(raw, starts[first : min(first + batch_rows, count) + 1])
            self._check(collection, split, rows)

    def _check(self, collection: Collection[Document], split: Split, rows: int) -> None:
        """A scan that missed documents must not pass for a whole one.

        While others write, the number may change; it was whole if it lies between that before and that after.
        """
        before = int(split.at["rows"])
        after = before
        if split.snapshot.strength != "Pinned" and rows != before:
            after = _count(collection, filter_of(split.at))
        if not min(before, after) <= rows <= max(before, after):
            what = f"table {split.snapshot.table!r}, part {split.index + 1} of {split.count}"
            why = f"{rows:,} documents were read, {before:,} counted before and {after:,} after"
            raise checks.expired(what, f"{why}: it changed")


def _count(collection: Collection[Document], query: Mapping[str, Any]) -> int:
    found = list(collection.aggregate([{"$match": query}, *COUNT]))
    return int(found[0]["rows"]) if found else 0


def _ids(collection: Collection[Document]) -> list[Any]:
    """Ids in the server's order: all of a small collection, a sample of a large one."""
    found = [one[ID] for one in collection.find({}, {ID: 1}).sort(ID, 1).limit(EXACT + 1)]
    if len(found) <= EXACT:
        return found
    sample = [{"$sample": {"size": EXACT}}, {"$project": {ID: 1}}, {"$sort": {ID: 1}}]
    return [one[ID] for one in collection.aggregate(sample, allowDiskUse=True)]


def projection(info: TableInfo, schema: pa.Schema) -> dict[str, int] | None:
    """The fields to fetch. None (all) where a name of somebody else's documents would be read as a path."""
    names = [info.stored(name) for name in schema.names]
    if any("." in name or name.startswith("$") for name in names):
        return None
    names += [info.stored(field.name) + REST for field in schema if is_fine(field.type)]
    return {ID: 1, **dict.fromkeys(names, 1)}


def pages(
    collection: Collection[Document],
    at: Mapping[str, Any],
    fields: Mapping[str, int] | None,
    batch_rows: int,
) -> Iterator[tuple[bytes, Places]]:
    """The documents of a range, a page of the server at a time, and where in it each begins.

    A lost cursor is opened again behind the last document.
    """
    after, lost = None, 0
    while True:
        try:
            cursor = collection.find_raw_batches(
                filter_of(at, after), fields, sort=[(ID, 1)], batch_size=batch_rows
            )
            with closing(cursor):
                for page in cursor:
                    raw = cast("bytes", page)
                    starts = starts_of(raw)
                    if len(starts) > 1:
                        after, lost = bson.decode(raw[starts[-2] :], CODEC)[ID], 0
                        yield raw, starts
        except PyMongoError as error:
            if lost == len(PAUSES) or not passing(error):
                raise
            time.sleep(PAUSES[lost])
            lost += 1
        else:
            return
