"""Upserts: Arrow rows → one unordered bulk of inserts, replacements or merges, each found by its key.

Used by `mongodb.py`. The same batch twice leaves the same documents, so a bulk whose outcome is unknown may be
written again. Rows that the server refuses are named one by one; all others are in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import bson
import pyarrow as pa
import pyarrow.compute as pc
from bson.raw_bson import RawBSONDocument
from pymongo import ReplaceOne, UpdateOne
from pymongo.errors import BulkWriteError, DocumentTooLarge, OperationFailure

from forebay_workloads.errors import RetryableError, cut
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import WriteReport
from forebay_workloads.stores.mongodb_catalog import Catalog, TableInfo
from forebay_workloads.stores.mongodb_connection import CODEC, Connection, Document
from forebay_workloads.stores.mongodb_errors import translated
from forebay_workloads.stores.mongodb_rows import (
    Bad,
    changes_of,
    documents_of,
    key_values,
    query_of,
)
from forebay_workloads.stores.mongodb_ttl import ending, ready
from forebay_workloads.stores.mongodb_types import held
from forebay_workloads.stores.rows import upserted

DUPLICATE = 11000
ATTEMPTS = (
    3  # two upserts of one new key may meet: the one that lost finds the document the next time
)
DOCUMENT_BYTES = 16 * 1024 * 1024 - 1024  # the server's limit, less room for what it adds

Refused = dict[int, Mapping[str, Any]]  # row → the server's words


@dataclass
class Upserts:
    """What a batch does to a collection, by row."""

    info: TableInfo
    rows: pa.RecordBatch
    documents: Sequence[Document] | Sequence[RawBSONDocument]  # for a merge the fields to set
    merge: bool

    @cached_property
    def keys(self) -> tuple[list[Document], Bad]:
        """The query that finds each row's document, and the rows that name no document.

        Of a table of ours each is the `_id` of one: an insert needs no query, and meets the row that is there.
        """
        values, bad = key_values(self.info, [self.rows.column(name) for name in self.info.key])
        return [query_of(self.info, one) for one in values], bad

    def upsert(self, index: int) -> ReplaceOne[Document] | UpdateOne:
        """The row's part of a bulk."""
        query, document = self.keys[0][index], self.documents[index]
        if not self.merge:
            return ReplaceOne(query, document, upsert=True)
        change = {"$set": document} if document else {"$setOnInsert": {}}
        return UpdateOne(query, change, upsert=True)

    def new(self, index: int) -> Document | RawBSONDocument:
        """The row's document where there is none yet."""
        document = self.documents[index]
        return {**self.keys[0][index], **document} if self.merge else document


class Writes:
    """Writes batches into collections."""

    def __init__(self, connection: Connection, catalog: Catalog) -> None:
        self._connection = connection
        self._catalog = catalog
        self._met: set[str] = (
            set()
        )  # tables whose rows are mostly there: inserting them first is in vain

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
        info = self._catalog.info(table).keyed(key)
        if merge:
            info = self._catalog.widen(info, batch.schema)
        checks.known_columns(table, batch.schema, info.schema)
        if ttl is not None:
            info = ready(self._connection, self._catalog, info)
        put = partial(self._put, info, merge=merge, ttl=ttl)
        return upserted(batch, info.schema, info.key, put, merge=merge, held=held)

    def _put(self, info: TableInfo, rows: pa.RecordBatch, *, merge: bool, ttl: float | None) -> Bad:
        """Row → why it is not in, for each that is not."""
        if ttl is not None:
            rows = ending(rows, ttl)
        documents, bad = changes_of(info, rows) if merge else documents_of(info, rows)
        upserts = Upserts(info, rows, documents, merge)
        if info.ids:
            bad |= upserts.keys[1]
        if _all_differ(rows, info.key):
            todo = [i for i in range(rows.num_rows) if i not in bad]
            return bad | self._all(upserts, todo)
        same = _by_key(upserts, bad)
        failed = self._all(upserts, [rows_of_key[-1] for rows_of_key in same])
        for rows_of_key in same:
            if rows_of_key[-1] in failed:
                bad |= dict.fromkeys(rows_of_key, failed[rows_of_key[-1]])
        return bad

    def _all(self, upserts: Upserts, todo: list[int]) -> Bad:
        """Writes them; those that met a row of their key again, as upserts.

        Inserts come first: to a server they are cheaper, and most tables are filled once.
        """
        bad: Bad = {}
        first = upserts.info.own and upserts.info.name not in self._met
        for left in range(ATTEMPTS + first - 1, -1, -1):
            insert = left == ATTEMPTS
            failed = self._bulk(upserts, todo, insert=insert)
            again = {i for i, said in failed.items() if left and said.get("code") == DUPLICATE}
            bad |= {
                i: cut(ValueError(said.get("errmsg", "refused")))
                for i, said in failed.items()
                if i not in again
            }
            if insert and 2 * len(again) > len(todo):
                self._met.add(upserts.info.name)
            todo = sorted(again)
            if not todo:
                break
        return bad

    def _bulk(self, upserts: Upserts, todo: Sequence[int], *, insert: bool) -> Refused:
        """One bulk; names what the server refuses of it."""
        if not todo:
            return {}
        table = upserts.info.name
        collection = self._catalog.collection(table)
        with self._connection.speak(f"table {table!r}"):
            try:
                if insert:
                    collection.insert_many([upserts.new(i) for i in todo], ordered=False)
                else:
                    collection.bulk_write([upserts.upsert(i) for i in todo], ordered=False)
            except BulkWriteError as error:
                self._unless_rows(error, table)
                return {todo[one["index"]]: one for one in error.details["writeErrors"]}
            except DocumentTooLarge:
                large = _too_large(upserts, todo)
                if not large:
                    raise
                rest = [i for i in todo if i not in large]
                return {**large, **self._bulk(upserts, rest, insert=insert)}
        return {}

    def _unless_rows(self, error: BulkWriteError, table: str) -> None:
        """Raises what is no fault of the rows: rights, throttling, a node that is down, an unsure outcome."""
        what = f"{self._connection.where}: table {table!r}"
        for one in error.details["writeErrors"]:
            said = OperationFailure(one.get("errmsg", "refused"), one.get("code"), dict(one))
            found = translated(said, what, self._connection.secrets)
            if found.reason != "SchemaMismatch":
                raise found from error
        for one in error.details.get("writeConcernErrors", ()):
            text = cut(ValueError(one.get("errmsg", "no majority")))
            raise RetryableError("StoreUnreachable", f"{what}: not safe yet: {text}") from error


_COUNTED = (pa.types.is_integer, pa.types.is_string, pa.types.is_large_string, pa.types.is_binary)


def _all_differ(rows: pa.RecordBatch, key: Sequence[str]) -> bool:
    """Whether no key comes twice, where one of its columns says so cheaply."""
    columns = [rows.column(name) for name in key]
    plain = [column for column in columns if any(test(column.type) for test in _COUNTED)]
    return any(pc.count_distinct(column).as_py() == rows.num_rows for column in plain)


def _by_key(upserts: Upserts, bad: Bad) -> list[list[int]]:
    """The rows of each key in their order: the last one is kept."""
    groups: dict[bytes, list[int]] = {}
    for index, query in enumerate(upserts.keys[0]):
        if index not in bad:
            groups.setdefault(bson.encode(query, codec_options=CODEC), []).append(index)
    return list(groups.values())


def _too_large(upserts: Upserts, todo: Iterable[int]) -> Refused:
    sizes = {i: len(bson.encode(upserts.documents[i], codec_options=CODEC)) for i in todo}
    return {
        index: {"code": 0, "errmsg": f"a document of {size:,} bytes: MongoDB holds 16 MiB"}
        for index, size in sizes.items()
        if size > DOCUMENT_BYTES
    }
