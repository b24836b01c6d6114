"""CQL texts: every identifier checked and quoted, every value a mark that is bound. Pure, no I/O.

Used by the Cassandra adapter's other modules. Nothing else in it puts a name into a statement.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from forebay_workloads.errors import ConfigError

NAME_LIMIT = 48  # characters of a table's or keyspace's name that every server takes
_WORD = re.compile(r"[A-Za-z0-9_]+", re.ASCII)
OWN = ("forebay_blobs", "forebay_chunks")


def column(name: str) -> str:
    """A column's name as CQL text; any name that Cassandra can hold."""
    if not name or "\0" in name:
        raise ConfigError("SchemaMismatch", f"{name!r} cannot be a column's name in Cassandra")
    return '"' + name.replace('"', '""') + '"'


def word(name: str, what: str) -> str:
    """The name of a keyspace or table as CQL text: letters, digits and underscores only."""
    if not _WORD.fullmatch(name) or len(name) > NAME_LIMIT:
        message = (
            f"{name[:80]!r} cannot be a {what} in Cassandra:"
            f" at most {NAME_LIMIT} letters, digits and underscores"
        )
        raise ConfigError("SchemaMismatch", message)
    return f'"{name}"'


def full(keyspace: str, table: str) -> str:
    """Keyspace and table as CQL text."""
    return f"{word(keyspace, 'keyspace')}.{word(table, 'table')}"


def columns(names: Sequence[str]) -> str:
    """Names separated by commas."""
    return ", ".join(map(column, names))


def create_keyspace(keyspace: str, datacenter: str, copies: int) -> str:
    """Replicated within one data centre."""
    place = datacenter.replace("'", "''")
    return (
        f"CREATE KEYSPACE IF NOT EXISTS {word(keyspace, 'keyspace')} WITH replication ="
        f" {{'class': 'NetworkTopologyStrategy', '{place}': {int(copies)}}}"
    )


def create_table(target: str, types: Mapping[str, str], key: Sequence[str], comment: str) -> str:
    """The first key column makes the partition, the others sort the rows in it."""
    parts = [f"{column(name)} {cql}" for name, cql in types.items()]
    parts.append(f"PRIMARY KEY ({columns(key)})")
    return (
        f"CREATE TABLE IF NOT EXISTS {target} ({', '.join(parts)}) WITH comment = '{text(comment)}'"
    )


def add_columns(target: str, types: Mapping[str, str]) -> str:
    """More columns for a table that is there."""
    parts = ", ".join(f"{column(name)} {cql}" for name, cql in types.items())
    return f"ALTER TABLE {target} ADD ({parts})"


def set_comment(target: str, comment: str) -> str:
    """Another comment for a table that is there."""
    return f"ALTER TABLE {target} WITH comment = '{text(comment)}'"


def text(value: str) -> str:
    """A text within quotes, for statements that cannot be prepared."""
    return value.replace("'", "''")


def insert(target: str, names: Sequence[str], *, ends: bool = False) -> str:
    """An upsert: a row of that key that is there is overwritten column by column.

    `ends`: the values of a row are followed by the seconds after which it goes.
    """
    marks = ", ".join("?" * len(names))
    text = f"INSERT INTO {target} ({columns(names)}) VALUES ({marks})"  # noqa: S608 - quoted
    return f"{text} USING TTL ?" if ends else text


def delete(target: str, key: Sequence[str]) -> str:
    """All rows of a key, or of the first columns of one."""
    where = " AND ".join(f"{column(name)} = ?" for name in key)
    return f"DELETE FROM {target} WHERE {where}"  # noqa: S608 - quoted


def select_key(target: str, names: Sequence[str], key: Sequence[str]) -> str:
    """One row by its whole key."""
    where = " AND ".join(f"{column(name)} = ?" for name in key)
    return f"SELECT {columns(names)} FROM {target} WHERE {where}"  # noqa: S608 - quoted


def select_range(target: str, names: Sequence[str], partition: Sequence[str]) -> str:
    """The rows of a range of tokens, its first one left out."""
    token = f"token({columns(partition)})"
    return f"SELECT {columns(names)} FROM {target} WHERE {token} > ? AND {token} <= ?"  # noqa: S608


def select_all(target: str, names: Sequence[str]) -> str:
    """Every row, for servers whose tokens are no numbers."""
    return f"SELECT {columns(names)} FROM {target}"  # noqa: S608 - quoted
