"""Reading a table in ranges of tokens: one page is decoded while the next one is on its way.

Used by `cassandra.py`. Memory holds two pages, each of about PAGE_BYTES: how many rows that is follows from
those already seen. A page that fails for a passing cause is asked for again from where it began.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from forebay_workloads.codecs.fit import columns_text
from forebay_workloads.errors import DataError
from forebay_workloads.stores import cassandra_split as ring
from forebay_workloads.stores import cassandra_statements as cql
from forebay_workloads.stores import checks
from forebay_workloads.stores.base import Snapshot, Split
from forebay_workloads.stores.cassandra_catalog import Catalog, TableInfo
from forebay_workloads.stores.cassandra_connection import Connection
from forebay_workloads.stores.cassandra_errors import DRIVER_ERRORS, passing
from forebay_workloads.stores.cassandra_page import Page

PAGE_BYTES = 4 << 20
FIRST_ROWS = 200  # of the first page of a range, when nothing is known of the rows' size
PAGE_ROWS = 20_000
ATTEMPTS = 7  # about 25 seconds: a node that starts again is back by then


@dataclass(frozen=True)
class Answer:
    """A page and where the next one begins; None after the last."""

    page: Page
    state: bytes | None


class Scans:
    """Snapshots, splits and scans of a keyspace's tables."""

    def __init__(
        self, connection: Connection, catalog: Catalog, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._connection = connection
        self._catalog = catalog
        self._sleep = sleep

    def snapshot(self, table: str) -> Snapshot:
        """Names the table by its number, so that one dropped and made again is not taken for it.

        Cassandra has no pin: a scan sees what is there when it comes by.
        """
        info = self._catalog.info(table)
        names = cql.columns(info.partition[:1])
        text = f"SELECT {names} FROM {info.target} LIMIT 1"  # noqa: S608 - quoted
        empty = not self._connection.rows(text)
        return Snapshot(table, "None", rows=0 if empty else None, at={"table": info.id})

    def splits(self, snapshot: Snapshot, count: int) -> list[Split]:
        """Ranges of equally many tokens, each within one set of replicas."""
        tokens = self._tokens()
        if tokens is None:
            return [Split(snapshot, 0, 1, {})]
        ranges = ring.ring_ranges(tokens)
        owners = [",".join(str(host.address) for host in self._replicas(one)) for one in ranges]
        parts = ring.cut(ranges, owners, 1 if snapshot.rows == 0 else count)
        return [
            Split(snapshot, index, len(parts), {"ranges": [list(one) for one in part]})
            for index, part in enumerate(parts)
        ]

    def _tokens(self) -> list[int] | None:
        """The nodes' tokens, or None where they are no numbers of 64 bits."""
        metadata = self._connection.cluster.metadata
        if not str(metadata.partitioner).endswith("Murmur3Partitioner") or not metadata.token_map:
            return None
        return [int(token.value) for token in metadata.token_map.ring]

    def _replicas(self, one: ring.Range) -> list[Any]:
        """The nodes that hold a range, in the ring's order."""
        tokens = self._connection.cluster.metadata.token_map
        if tokens is None:
            return []
        return list(
            tokens.get_replicas(self._connection.keyspace, tokens.token_class(one[1])) or []
        )

    def scan(
        self, split: Split, columns: Sequence[str] | None, batch_rows: int
    ) -> Iterator[pa.RecordBatch]:
        """The ranges' rows in the order of their tokens, a batch for each page."""
        info = self._catalog.info(split.snapshot.table)
        if info.id != split.snapshot.at["table"]:
            raise checks.expired(f"table {info.name!r}", "it was dropped and made again")
        schema = checks.selected(info.name, info.schema, columns)
        rows = FIRST_ROWS
        for one in split.at.get("ranges") or [None]:
            for page in self._pages(info, schema.names, one, min(rows, batch_rows), batch_rows):
                rows = wished(page)
                if page.rows:
                    yield decoded(info, schema, page)

    def _pages(
        self, info: TableInfo, names: Sequence[str], one: Any, rows: int, most: int
    ) -> Iterator[Page]:
        ask = self._range(info, names, one)
        pending = self._begin(info, ask(rows), None)
        state: bytes | None = None
        while True:
            answer = self._answer(info, pending, lambda: ask(rows), state)  # noqa: B023 - called at once
            state = answer.state
            if state is not None:
                rows = min(most, wished(answer.page))
                pending = self._begin(info, ask(rows), state)
            yield answer.page
            if state is None:
                return

    def _range(self, info: TableInfo, names: Sequence[str], one: Any) -> Callable[[int], Any]:
        """Makes the statement of a range for pages of so many rows."""
        text = (
            cql.select_all(info.target, names)
            if one is None
            else cql.select_range(info.target, names, info.partition)
        )
        with self._connection.speak(f"table {info.name!r}"):
            prepared = self._connection.prepare(text)
        values = [] if one is None else [edge.to_bytes(8, "big", signed=True) for edge in one]
        replicas = [] if one is None else self._replicas(tuple(one))

        def statement(rows: int) -> Any:
            bound = self._connection.bound(prepared, values)
            bound.fetch_size = rows
            bound.replicas = replicas
            return bound

        return statement

    def _begin(self, info: TableInfo, statement: Any, state: bytes | None) -> Any:
        with self._connection.speak(f"table {info.name!r}"):
            return self._connection.send(statement, paging_state=state)

    def _answer(
        self, info: TableInfo, pending: Any, again: Callable[[], Any], state: bytes | None
    ) -> Answer:
        """The page that was asked for; asks again, ever later, while the cause may pass."""
        for attempt in range(ATTEMPTS):
            try:
                if pending is None:
                    pending = self._connection.send(again(), paging_state=state)
                result = pending.result()
                (page,) = result.current_rows
                return Answer(page, result.paging_state)
            except DRIVER_ERRORS as error:
                if attempt == ATTEMPTS - 1 or not passing(error):
                    raise self._connection.translated(error, f"table {info.name!r}") from error
                pending = None
                self._sleep(2**attempt * random.uniform(0.25, 0.5))
        raise AssertionError("the last attempt returns or raises")


def wished(page: Page) -> int:
    """How many rows make a page of PAGE_BYTES, by one that was seen."""
    if not page.rows:
        return FIRST_ROWS
    return max(1, min(PAGE_ROWS, PAGE_BYTES * page.rows // max(1, len(page.body))))


def decoded(info: TableInfo, schema: pa.Schema, page: Page) -> pa.RecordBatch:
    """The page as Arrow; DataError SchemaMismatch names the table when a value does not fit, or a row is lost."""
    arrays = []
    for field, cells in zip(schema, page.columns(), strict=True):
        try:
            arrays.append(info.codec(field.name).decode(cells))
        except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
            message = (
                f"table {info.name!r}, column {field.name!r}: a stored value is no {field.type}"
                f" ({columns_text(schema)})"
            )
            raise DataError("SchemaMismatch", message) from error
        except DataError as error:
            message = f"table {info.name!r}, column {field.name!r}: {error.message}"
            raise DataError(error.reason, message) from error
    batch = pa.RecordBatch.from_arrays(arrays, schema=schema)
    if batch.num_rows != page.rows:
        message = f"table {info.name!r}: {page.rows} rows were sent, {batch.num_rows} arrived"
        raise DataError("SchemaMismatch", message)
    return batch
