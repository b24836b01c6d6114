"""What was looked at some seconds ago: a row's read or write must not ask for its table each time.

Used by the adapters' catalogs and writes. Threads may share one.
"""

from __future__ import annotations

import time
from typing import Generic, Protocol, TypeVar

import pyarrow as pa

SECONDS = 10.0  # for so long another process's change may go unseen

T = TypeVar("T")


class Known(Generic[T]):
    """Things by name, each for some seconds."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._found: dict[str, tuple[float, T]] = {}

    def find(self, name: str) -> T | None:
        """What was kept; None when it is too old."""
        found = self._found.get(name)
        return found[1] if found and time.monotonic() - found[0] <= self._seconds else None

    def keep(self, name: str, thing: T) -> T:
        """As it is now."""
        self._found[name] = (time.monotonic(), thing)
        return thing

    def forget(self, name: str) -> None:
        """It may have changed."""
        self._found.pop(name, None)


class Table(Protocol):
    """What a catalog knows of a table."""

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""


Found_co = TypeVar("Found_co", bound=Table, covariant=True)


class Tables(Protocol[Found_co]):
    """A catalog: tables as they were some seconds ago, and as they are now."""

    def remembered(self, table: str) -> Found_co:
        """Some seconds ago."""

    def info(self, table: str) -> Found_co:
        """Now."""


def holding(tables: Tables[Found_co], table: str, schema: pa.Schema) -> Found_co:
    """The table as it was seen last, unless it lacked one of the columns then."""
    found = tables.remembered(table)
    return found if set(schema.names) <= set(found.schema.names) else tables.info(table)
