"""A user's SQL: proved to be one reading query over the data by DuckDB's own parser, then kept as text.

Used by `preprocess.transform`. The statement runs as it was written; nothing of it is searched or joined as
text. The engine is closed to files and network besides, so this check is the first of two walls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import duckdb

from forebay_workloads.errors import ConfigError, cut
from forebay_workloads.features.expression import quote
from forebay_workloads.features.sql import ROW
from forebay_workloads.preprocess.engine import Engine

FIELD = "preprocess.sql"
TABLE_FUNCTIONS = frozenset(
    {"range", "generate_series", "unnest"}
)  # the others read files or settings
READING_NODES = frozenset(
    {"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE", "STATEMENT_NODE"}
)
STREAMING = frozenset(
    {"PROJECTION", "FILTER", "SEQ_SCAN", "TABLE_SCAN", "UNNEST", "STREAMING_LIMIT"}
)
"""Operators that hand rows on in the order they come. A plan of these alone keeps the input's order."""


def check(engine: Engine, sql: str, tables: Sequence[str]) -> dict[str, Any]:
    """The query's syntax tree, when it is one SELECT over `tables` (and its own WITH names).

    Raises:
        ConfigError: FieldNotSupportedInMode for anything that does more than read these tables,
            ReferenceMissing for another table, SchemaMismatch for text that is no SQL.
    """
    statement = _single(sql)
    answer = json.loads(engine.ask("SELECT json_serialize_sql(?::VARCHAR)", statement)[0][0])
    if answer["error"]:
        raise _refused(f"is not a SELECT that can be checked: {answer['error_message']}")
    if len(answer["statements"]) != 1:
        raise _refused("has more than one statement")
    node: dict[str, Any] = answer["statements"][0]["node"]
    names = {name.lower() for name in tables}
    for part in _parts(node):
        _check_part(part, names | _with_names(node), tables)
    return node


def _single(sql: str) -> str:
    try:
        statements = duckdb.extract_statements(sql)
    except duckdb.Error as error:
        raise ConfigError("SchemaMismatch", f"{FIELD}: {cut(error)}") from error
    if len(statements) != 1:
        raise _refused(f"has {len(statements)} statements, and one SELECT is needed")
    if statements[0].type != duckdb.StatementType.SELECT:
        kind = statements[0].type.name
        raise _refused(f"is a {kind} statement, and only SELECT and WITH … SELECT are run")
    return sql


def _refused(what: str) -> ConfigError:
    return ConfigError("FieldNotSupportedInMode", f"{FIELD} {what}")


def _parts(node: Any) -> Iterator[dict[str, Any]]:
    """Every object of the tree."""
    if isinstance(node, dict):
        yield node
        node = list(node.values())
    if isinstance(node, list):
        for one in node:
            yield from _parts(one)


def _with_names(node: dict[str, Any]) -> set[str]:
    maps = [part["cte_map"]["map"] for part in _parts(node) if "cte_map" in part]
    return {str(entry["key"]).lower() for one in maps for entry in one}


def _check_part(part: dict[str, Any], names: set[str], tables: Sequence[str]) -> None:
    kind = str(part.get("type"))
    if kind.endswith("_NODE") and kind not in READING_NODES:
        verb = kind.removesuffix("_NODE").removesuffix("_QUERY")
        raise _refused(f"has {verb} inside; it may only read")
    if kind == "BASE_TABLE":
        path = [one for one in (part.get("catalog_name"), part.get("schema_name")) if one]
        if path or str(part["table_name"]).lower() not in names:
            full = ".".join([*path, str(part["table_name"])])
            raise ConfigError(
                "ReferenceMissing",
                f"{FIELD} reads table {full!r}; what it can read is {', '.join(map(repr, tables))}",
            )
    if kind == "TABLE_FUNCTION":
        name = str(part["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            raise _refused(f"calls {name}(), which reads something other than the data")


def keeps_order(engine: Engine, sql: str) -> bool:
    """Whether the rows leave in the order of the input: a filter or a projection, no join or group."""
    plan = json.loads(engine.ask(f"EXPLAIN (FORMAT json) {sql}")[0][1])
    found = {str(part["name"]).strip() for part in _parts(plan) if "name" in part}
    return found <= STREAMING


def ordered(engine: Engine, sql: str, node: dict[str, Any]) -> str:
    """A query for the rows of `sql` in an order that is the same each time, numbered in `ROW`.

    That order is the query's own ORDER BY, else the input's where the query keeps it, else by all columns.
    """
    text = sql.strip().rstrip(";")
    own = any(one.get("type") == "ORDER_MODIFIER" for one in node.get("modifiers", []))
    sort = "" if own or keeps_order(engine, text) else " ORDER BY ALL"
    # The user's text stands in brackets of its own lines: a trailing comment ends before the bracket.
    return (
        f"SELECT *, row_number() OVER () - 1 AS {quote(ROW)} "  # noqa: S608 - checked by `check`
        f"FROM (SELECT * FROM (\n{text}\n){sort})"
    )
