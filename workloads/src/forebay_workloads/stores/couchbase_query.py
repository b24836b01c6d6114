"""Names of documents that somebody else wrote, by the query service. Used by the Couchbase catalog and scans.

Names of bucket, scope and collection are checked and quoted; values are parameters. Each statement sees all that was
written before it. Documents themselves are read by name, as their bytes are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

from couchbase.n1ql import QueryScanConsistency
from couchbase.options import QueryOptions

from forebay_workloads.stores.couchbase_connection import Connection
from forebay_workloads.stores.couchbase_names import BEGIN, Place

PAGE = 2_000  # names
HIDDEN = ("_sync:", "_txn:", BEGIN)  # begin the names of documents that are nobody's rows
_SECONDS = 75


def from_(bucket: str, place: Place) -> str:
    """What follows FROM. Pure."""
    if (place.scope, place.collection) == (Place.scope, Place.collection):
        return f"{quoted(bucket)} AS d"
    names = ".".join(map(quoted, (bucket, place.scope, place.collection)))
    return f"{names} AS d"


def quoted(name: str) -> str:
    """An identifier. Pure."""
    return "`" + name.replace("`", "``") + "`"


class Names:
    """Asks for names of documents."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def some(self, place: Place, most: int) -> list[str]:
        """A few, whichever come first."""
        return self._ask(place, "", "LIMIT $most", most=most)

    def borders(self, place: Place, count: int) -> list[str]:
        """At most so many names that divide all of them into parts of about equal size."""
        (rows,) = self._run(f"SELECT RAW COUNT(1) FROM {self._from(place)}") or [0]  # noqa: S608 - checked names
        places = sorted({rows * index // count for index in range(1, count)} - {0})
        found = [
            name
            for number in places
            for name in self._ask(
                place, "", "ORDER BY META(d).id OFFSET $number LIMIT 1", number=number
            )
        ]
        return sorted(set(found), key=str.encode)

    def between(self, place: Place, start: str | None, stop: str | None) -> Iterator[str]:
        """From `start` on, before `stop`, in their order; None: no end."""
        above, bound = ">=", start or ""
        while True:
            where = f"WHERE META(d).id {above} $bound"
            where += " AND META(d).id < $stop" if stop is not None else ""
            more = {} if stop is None else {"stop": stop}
            order = "ORDER BY META(d).id LIMIT $page"
            page = self._ask(place, where, order, bound=bound, page=PAGE, **more)
            yield from (name for name in page if not name.startswith(HIDDEN))
            if len(page) < PAGE:
                return
            above, bound = ">", page[-1]

    def _from(self, place: Place) -> str:
        return from_(self._connection.bucket_name, place)

    def _ask(self, place: Place, where: str, rest: str, **values: Any) -> list[str]:
        statement = f"SELECT RAW META(d).id FROM {self._from(place)} {where} {rest}"  # noqa: S608 - checked names
        return [str(one) for one in self._run(statement, **values)]

    def _run(self, statement: str, **values: Any) -> Sequence[Any]:
        options = QueryOptions(
            named_parameters=values,
            read_only=True,
            scan_consistency=QueryScanConsistency.REQUEST_PLUS,
            timeout=timedelta(seconds=_SECONDS),
        )
        return self._connection.patiently(
            lambda: list(self._connection.cluster.query(statement, options)), "the query service"
        )
