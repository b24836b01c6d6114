"""A table `rows` (id, text) in each store, made by its administrator; and a DataStore at another address or user."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream

from .cassandra import Keyspaces
from .couchbase import Scopes
from .dynamodb import Prefixes as Dynamo
from .hbase import Prefixes as HBase
from .kafka import Topics
from .mongodb import Databases
from .reach import server

ROWS = 20
ADDRESS = {
    "cassandra": "contactPoints",
    "mongodb": "hosts",
    "couchbase": "hosts",
    "hbase": "thriftServers",
    "kafka": "bootstrapServers",
}


@dataclass(frozen=True)
class Place:
    """One store with its table, as a pipeline names them."""

    ref: StoreRef
    secret: Mapping[str, str]
    source: Mapping[str, Any]  # of ingest.from, without the store
    columns: tuple[str, str]  # as the store calls them
    drop: Callable[[], Any]  # the second column

    def at(self, address: str, tls: Mapping[str, Any] | None = None) -> StoreRef:
        """The DataStore at another address."""
        settings: dict[str, Any] = dict(self.ref.settings)
        if self.ref.type == "dynamodb":
            settings["endpoint"] = f"{'http' if tls is None else 'https'}://{address}"
        else:
            settings[ADDRESS[self.ref.type]] = [address]
        return replace(self.ref, settings=settings if tls is None else settings | {"tls": tls})

    @property
    def address(self) -> str:
        """Of the server."""
        if self.ref.type == "dynamodb":
            return str(self.ref.settings["endpoint"]).rpartition("/")[2]
        return str(self.ref.settings[ADDRESS[self.ref.type]][0])


def secret_of(ref: StoreRef) -> dict[str, str]:
    folder = ref.secrets
    return {f.name: f.read_text() for f in Path(folder).iterdir()} if folder else {}


def cassandra(made: Keyspaces) -> Place:
    ref = made.new()
    table = f"{ref.settings['keyspace']}.rows"
    made.session.execute(f"CREATE TABLE {table} (id bigint PRIMARY KEY, text text)")
    insert = made.session.prepare(f"INSERT INTO {table} (id, text) VALUES (?, ?)")  # noqa: S608 - ours
    for n in range(ROWS):
        made.session.execute(insert, (n, f"row {n}"))
    drop = f"ALTER TABLE {table} DROP text"
    columns = ("id", "text")
    return Place(
        ref, secret_of(ref), {"table": "rows"}, columns, lambda: made.session.execute(drop)
    )


def mongodb(made: Databases) -> Place:
    ref = made.new()
    rows = made.client[ref.settings["database"]]["rows"]
    rows.insert_many([{"_id": n, "id": n, "text": f"row {n}"} for n in range(ROWS)])
    columns = ("id", "text")
    drop = {"$unset": {"text": ""}}
    return Place(
        ref, secret_of(ref), {"table": "rows"}, columns, lambda: rows.update_many({}, drop)
    )


def couchbase(made: Scopes) -> Place:
    """A table of ours: the stand-in cannot list documents of others."""
    ref = made.new()
    batch = pa.record_batch({"id": list(range(ROWS)), "text": ["x"] * ROWS})
    with open_store(ref) as store:
        store.ensure_table("rows", batch.schema, ["id"])
        store.write("rows", batch, ["id"])
    return Place(ref, secret_of(ref), {"table": "rows"}, ("id", "text"), lambda: None)


def dynamodb(made: Dynamo) -> Place:
    ref = made.new()
    name = f"{ref.settings['tablePrefix']}rows"
    made.client.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )

    def put(**more: Any) -> None:
        for n in range(ROWS):
            made.client.put_item(TableName=name, Item={"id": {"N": str(n)}, **more})

    put(text={"S": "x"})
    return Place(ref, secret_of(ref), {"table": "rows"}, ("id", "text"), put)


def hbase(made: HBase) -> Place:
    ref = made.new()
    name = f"{ref.settings['tablePrefix']}rows"
    made.client.create_table(name, {"f": {}})
    table = made.client.table(name)
    for n in range(ROWS):
        table.put(b"%03d" % n, {b"f:id": b"%d" % n, b"f:text": b"x"})

    def drop() -> None:
        table = made.client.table(name)
        for n in range(ROWS):
            table.delete(b"%03d" % n, [b"f:text"])

    return Place(ref, secret_of(ref), {"table": "rows"}, ("row", "f:text"), drop)


def kafka(made: Topics) -> Place:
    ref, prefix = made.ref(), made.prefix()
    topic = made.make(f"{prefix}rows", 2)
    stream = open_stream(ref)
    values = [json.dumps({"id": n, "text": f"row {n}"}).encode() for n in range(ROWS)]
    stream.produce(topic, values, [b"%d" % n for n in range(ROWS)])
    stream.close()
    source = {"topic": topic, "group": f"{prefix}g", "format": "json"}
    return Place(ref, secret_of(ref), source, ("id", "text"), lambda: None)


KINDS: Mapping[str, tuple[Any, Callable[[Any], Place]]] = {
    "cassandra": (Keyspaces, cassandra),
    "mongodb": (Databases, mongodb),
    "couchbase": (Scopes, couchbase),
    "dynamodb": (Dynamo, dynamodb),
    "hbase": (HBase, hbase),
    "kafka": (Topics, kafka),
}


def opened(name: str, secrets: Path) -> Any:
    """The administrator of the server of that name, in a `with`."""
    return KINDS[name][0](server(name), secrets)
