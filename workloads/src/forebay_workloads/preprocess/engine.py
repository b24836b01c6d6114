"""DuckDB as the preprocess stage uses it: a scratch database on disk, closed to files and network.

Used by the steps of `preprocess`. Rows enter as Arrow and leave as Arrow; what does not fit into memory
spills into the scratch folder. Every row carries its place (`ROW`), so that order never depends on
threads. Third-party errors end here: everything raised is of `forebay_workloads.errors`.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
import numpy as np
import pyarrow as pa

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.features.expression import Expression, Select, Star, quote
from forebay_workloads.features.sql import ROW
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.stores.base import BATCH_ROWS

LOAD_ROWS = 4 * BATCH_ROWS  # rows of one insert: few enough for memory, enough to be quick
MEMORY_SHARE = 0.5  # of what the pod may use; the rest is Arrow, Python and the page cache
MEMORY_FLOOR = 128 << 20  # bytes

_GIVEN = "__forebay_given"  # the Arrow table of one insert

_MEANINGS: dict[type[duckdb.Error], tuple[type[StageError], str]] = {
    duckdb.OutOfMemoryException: (DataError, "OOMKilled"),
    duckdb.BinderException: (ConfigError, "SchemaMismatch"),
    duckdb.CatalogException: (ConfigError, "SchemaMismatch"),
    duckdb.ParserException: (ConfigError, "SchemaMismatch"),
    duckdb.PermissionException: (ConfigError, "Forbidden"),
    duckdb.DataError: (DataError, "SchemaMismatch"),
    duckdb.ProgrammingError: (DataError, "SchemaMismatch"),
    duckdb.NotSupportedError: (DataError, "SchemaMismatch"),
}
"""What an error of DuckDB means for a run; the first line that fits counts."""


class Engine:
    """One scratch database. Use it with `with`; the folder belongs to the caller."""

    def __init__(
        self, folder: Path, *, threads: int | None = None, memory: int | None = None
    ) -> None:
        self.stopping = threading.Event()
        config: dict[str, str | bool | int | float | list[str]] = {
            "threads": str(threads or os.cpu_count() or 1),
            "memory_limit": f"{(memory or memory_limit()) >> 20}MiB",
            "temp_directory": str(folder / "spill"),
            "preserve_insertion_order": "true",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        }
        self._db = duckdb.connect(str(folder / "scratch.duckdb"), config=config)
        self._db.execute("SET enable_progress_bar = true")  # without it `progress` knows nothing
        self._db.execute("SET enable_progress_bar_print = false")
        self._db.execute("SET enable_external_access = false")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def lock(self) -> None:
        """From here on no statement can change a setting; called before a user's SQL is looked at."""
        self._db.execute("SET lock_configuration = true")

    def load(self, table: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
        """Fills a new table in the order of the batches and numbers its rows. Returns how many."""
        _check_names(schema)
        given = Select((Star(),), _GIVEN).sql()
        self._insert(f"CREATE TABLE {quote(table)} AS {given}", _numbered([], schema, 0))
        rows, held, size = 0, [], 0
        for batch in batches:
            held.append(batch)
            size += batch.num_rows
            if size >= LOAD_ROWS:
                self._append(table, _numbered(held, schema, rows))
                rows, held, size = rows + size, [], 0
        self._append(table, _numbered(held, schema, rows))
        return rows + size

    def _append(self, table: str, rows: pa.Table) -> None:
        if rows.num_rows:
            self._insert(f"INSERT INTO {quote(table)} {Select((Star(),), _GIVEN).sql()}", rows)

    def _insert(self, statement: str, rows: pa.Table) -> None:
        with translated():
            self._db.register(_GIVEN, rows)
            self._db.execute(statement)
            self._db.unregister(_GIVEN)

    def execute(self, statement: str) -> None:
        """Runs a statement for its effect."""
        with translated():
            self._db.execute(statement)

    def rows(self, query: Select) -> list[tuple[Any, ...]]:
        """The rows of a query with a small answer."""
        return self.ask(query.sql())

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """The rows of a statement that is no plain query (EXPLAIN, DESCRIBE)."""
        with translated():
            return list(self._db.execute(statement, list(parameters)).fetchall())

    def types(self, table: str) -> dict[str, str]:
        """The table's columns and their DuckDB types, without `ROW`."""
        found = [row[:2] for row in self.ask(f"DESCRIBE {quote(table)}")]
        return {str(name): str(kind) for name, kind in found if name != ROW}

    def stream(
        self, columns: Sequence[Expression], table: str, where: Expression | None = None
    ) -> Iterator[pa.RecordBatch]:
        """The table's rows in order, in batches of at most BATCH_ROWS; interruptible between them."""
        query = Select(tuple(columns), table, where).sql()
        cursor = self._db.cursor()  # a result that is still being read would block the connection
        with translated(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a change of DuckDB's advice is no failure of a run
            reader = cursor.sql(query).to_arrow_reader(BATCH_ROWS)
        try:
            while (batch := _next(reader)) is not None:
                yield batch
        finally:
            reader.close()
            cursor.close()

    def progress(self) -> float | None:
        """How far the running statement is, 0 … 100; None when DuckDB does not know."""
        percent = float(self._db.query_progress())
        return percent if 0 <= percent <= 100 else None  # noqa: PLR2004 - a percentage

    def interrupt(self) -> None:
        """Makes the running statement raise Preempted; called from another thread."""
        self.stopping.set()
        self._db.interrupt()


def memory_limit() -> int:
    """Bytes DuckDB may use: half of the container's limit, or of the machine where there is none."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = Path("/sys/fs/cgroup/memory.max")
    text = limit.read_text(encoding="ascii").strip() if limit.is_file() else "max"
    allowed = min(total, int(text)) if text.isdigit() else total
    return max(MEMORY_FLOOR, int(allowed * MEMORY_SHARE))


@contextmanager
def translated() -> Iterator[None]:
    """Turns DuckDB's errors into ours, cut to one line."""
    try:
        yield
    except duckdb.Error as error:
        raise _translate(error) from error
    except pa.ArrowException as error:
        raise DataError("SchemaMismatch", cut(error)) from error


def _translate(error: duckdb.Error) -> Exception:
    text = cut(error)
    if isinstance(error, duckdb.InterruptException):
        return Preempted(text)
    if "No space left" in str(error):
        return RetryableError("DiskFull", f"preprocessing needs scratch space on disk: {text}")
    for kind, (ours, reason) in _MEANINGS.items():
        if isinstance(error, kind):
            return ours(reason, text)
    return StageError("ExitCode", text)


def _next(reader: pa.RecordBatchReader) -> pa.RecordBatch | None:
    with translated():
        return next(reader, None)


def _check_names(schema: pa.Schema) -> None:
    """SQL does not tell `Id` from `id`: two such columns would be one."""
    seen = {ROW: ROW}
    for name in schema.names:
        if name.lower() in seen:
            raise DataError(
                "SchemaMismatch",
                f"columns {seen[name.lower()]!r} and {name!r} have the same name in SQL; rename one",
            )
        seen[name.lower()] = name


def _numbered(batches: list[pa.RecordBatch], schema: pa.Schema, start: int) -> pa.Table:
    try:
        table = pa.Table.from_batches(batches, schema)
    except pa.ArrowInvalid as error:
        raise DataError(
            "SchemaMismatch", f"rows do not have the table's columns: {cut(error)}"
        ) from error
    return table.append_column(ROW, pa.array(np.arange(start, start + table.num_rows), pa.int64()))
