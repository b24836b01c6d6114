"""A small SQL expression tree: the only way that names and values of a spec enter a query.

Used by `features` and `preprocess`. Identifiers are quoted here, numbers are printed here and text becomes
a quoted literal here; nobody else joins strings into SQL. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


class Expression(Protocol):
    """Anything that prints itself as DuckDB SQL."""

    def sql(self) -> str:
        """The SQL text, safe to stand inside any other expression."""


def quote(name: str) -> str:
    """An identifier in double quotes, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True)
class Column:
    """A column by its name."""

    name: str

    def sql(self) -> str:
        """The quoted name."""
        return quote(self.name)


@dataclass(frozen=True)
class Number:
    """A number of the planner's own: a window, a threshold."""

    value: int | float

    def sql(self) -> str:
        """An integer as it is; a float through its shortest exact text."""
        if isinstance(self.value, int):
            return str(self.value) if self.value >= 0 else f"({self.value})"
        return f"CAST('{self.value!r}' AS DOUBLE)"


@dataclass(frozen=True)
class Text:
    """A text literal."""

    value: str

    def sql(self) -> str:
        """In single quotes, inner ones doubled."""
        return "'" + self.value.replace("'", "''") + "'"


@dataclass(frozen=True)
class Missing:
    """Whether a value is NULL."""

    value: Expression

    def sql(self) -> str:
        """`value IS NULL`."""
        return f"({self.value.sql()} IS NULL)"


@dataclass(frozen=True)
class Cast:
    """A value as another type; `kind` is one of our own type names, never a user's."""

    value: Expression
    kind: str

    def sql(self) -> str:
        """CAST, which fails on a value that does not fit."""
        return f"CAST({self.value.sql()} AS {self.kind})"


@dataclass(frozen=True)
class Call:
    """A function of DuckDB. `order` sorts an aggregate's input."""

    function: str
    arguments: tuple[Expression, ...] = ()
    distinct: bool = False
    ignore_nulls: bool = False
    order: tuple[Expression, ...] = ()

    def sql(self) -> str:
        """`function(DISTINCT a, b ORDER BY c IGNORE NULLS)`."""
        inner = _listed(self.arguments)
        if self.distinct:
            inner = "DISTINCT " + inner
        if self.order:
            inner += " ORDER BY " + _listed(self.order)
        if self.ignore_nulls:
            inner += " IGNORE NULLS"
        return f"{self.function}({inner})"


@dataclass(frozen=True)
class Infix:
    """Operands joined by an operator of our own."""

    operator: str
    operands: tuple[Expression, ...]

    def sql(self) -> str:
        """In parentheses, so that precedence never matters."""
        return "(" + f" {self.operator} ".join(one.sql() for one in self.operands) + ")"


@dataclass(frozen=True)
class Within:
    """Whether a value is among the rows of a query with one column."""

    value: Expression
    query: Expression

    def sql(self) -> str:
        """`value IN (query)`."""
        return f"({self.value.sql()} IN ({self.query.sql()}))"


@dataclass(frozen=True)
class Case:
    """The value of the first condition that holds, else `otherwise` (NULL when left out)."""

    branches: tuple[tuple[Expression, Expression], ...]
    otherwise: Expression | None = None

    def sql(self) -> str:
        """CASE … END."""
        whens = " ".join(f"WHEN {test.sql()} THEN {then.sql()}" for test, then in self.branches)
        last = f" ELSE {self.otherwise.sql()}" if self.otherwise else ""
        return f"CASE {whens}{last} END"


@dataclass(frozen=True)
class Range:
    """A frame by value: rows whose order key lies `low` to `high` before the current row's key.

    Both ends belong to it. `low` None reaches back without end.
    """

    low: int | None
    high: int

    def sql(self) -> str:
        """RANGE BETWEEN … AND …."""
        start = "UNBOUNDED" if self.low is None else str(self.low)
        return f"RANGE BETWEEN {start} PRECEDING AND {self.high} PRECEDING"


@dataclass(frozen=True)
class Over:
    """A call over the frame of each row: per partition, ordered by one integer key."""

    call: Expression
    partition: Expression
    order: Expression
    frame: Range

    def sql(self) -> str:
        """`call OVER (PARTITION BY … ORDER BY … RANGE …)`."""
        window = f"PARTITION BY {self.partition.sql()} ORDER BY {self.order.sql()}"
        return f"{self.call.sql()} OVER ({window} {self.frame.sql()})"


@dataclass(frozen=True)
class Alias:
    """An expression with a name in a select list."""

    value: Expression
    name: str

    def sql(self) -> str:
        """`value AS "name"`."""
        return f"{self.value.sql()} AS {quote(self.name)}"


@dataclass(frozen=True)
class Star:
    """All columns of the table, but those named."""

    exclude: tuple[str, ...] = ()

    def sql(self) -> str:
        """`*` or `* EXCLUDE (…)`."""
        left = ", ".join(quote(name) for name in self.exclude)
        return f"* EXCLUDE ({left})" if left else "*"


@dataclass(frozen=True)
class Select:
    """A query over one table or over another query; stands in brackets as a table of its own."""

    columns: tuple[Expression, ...]
    table: str | Select
    where: Expression | None = None
    group: tuple[Expression, ...] = ()
    order: tuple[Expression, ...] = ()
    limit: int | None = None
    offset: int = 0
    distinct: bool = False

    def sql(self) -> str:
        """`SELECT … FROM … WHERE … GROUP BY … ORDER BY … LIMIT … OFFSET …`."""
        source = quote(self.table) if isinstance(self.table, str) else f"({self.table.sql()})"
        parts = [
            "SELECT DISTINCT" if self.distinct else "SELECT",
            _listed(self.columns),
            "FROM",
            source,
        ]
        if self.where:
            parts += ["WHERE", self.where.sql()]
        if self.group:
            parts += ["GROUP BY", _listed(self.group)]
        if self.order:
            parts += ["ORDER BY", _listed(self.order)]
        if self.limit is not None:
            parts += [f"LIMIT {self.limit:d} OFFSET {self.offset:d}"]
        return " ".join(parts)


def _listed(expressions: tuple[Expression, ...]) -> str:
    return ", ".join(one.sql() for one in expressions)
