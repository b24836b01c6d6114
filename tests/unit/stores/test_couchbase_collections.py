"""The adapter where there are collections and a query service. The server is scripted: no real one could be had."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import orjson
import pyarrow as pa
import pytest
from couchbase import exceptions as said

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores.couchbase_catalog import Catalog
from forebay_workloads.stores.couchbase_connection import Connection, Outcome
from forebay_workloads.stores.couchbase_index import Index
from forebay_workloads.stores.couchbase_names import Place
from forebay_workloads.stores.couchbase_query import Names
from forebay_workloads.stores.couchbase_scan import Scans
from forebay_workloads.stores.couchbase_write import Writes
from tests.contract.rows import numbers

FROM = re.compile(r"FROM `shop`\.`(\w+)`\.`(\w+)` AS d")


class Collection:
    """Documents by name."""

    def __init__(self):
        self.held = {}

    def get(self, name, **_):
        if name not in self.held:
            raise said.DocumentNotFoundException
        return SimpleNamespace(value=self.held[name], cas=hash(self.held[name]) or 1)

    def insert(self, name, data, **_):
        if name in self.held:
            raise said.DocumentExistsException
        self.held[name] = data
        return self.get(name)

    def replace(self, name, data, cas, **options):
        assert "durability" in options
        if self.get(name).cas != cas:
            raise said.CasMismatchException
        self.held[name] = data
        return self.get(name)

    def binary(self):
        return self

    def increment(self, name, **_):
        self.held[name] = str(int(self.held.get(name, b"0")) + 1).encode()
        return SimpleNamespace(content=int(self.held[name]))

    def mutate_in(self, name, specs, preserve_expiry, **options):
        assert preserve_expiry
        assert "durability" in options
        document = orjson.loads(self.get(name).value)
        document |= {spec[1].strip("`"): spec[-1] for spec in specs}
        self.held[name] = orjson.dumps(document)


class Server:
    """Scopes, collections and the query service's answers."""

    where, name, bucket_name, scope = "Couchbase here", "s", "shop", "social"
    has_collections = True
    secrets = ()
    durable = Connection.durable

    def __init__(self, query=True):
        self.there = {"_default": {"_default": Collection()}, "social": {}}
        self.pool = ThreadPoolExecutor(2)
        self.bucket = self.cluster = self
        self.made = []
        self._query = query

    def collections(self):
        return self

    def create_scope(self, scope):
        self.made.append(scope)
        self.there.setdefault(scope, {})

    def create_collection(self, scope, name):
        self.made.append(f"{scope}.{name}")
        if name in self.there[scope]:
            raise said.CollectionAlreadyExistsException
        self.there[scope][name] = Collection()

    def scopes(self):
        return {scope: set(names) for scope, names in self.there.items()}

    def collection(self, place):
        return self.there[place.scope][place.collection]

    def patiently(self, work, *_):
        return work()

    def many(self, place, operation, documents, *_, **__):
        held = self.collection(place).held
        outcome = Outcome()
        for name, data in documents.items():
            if operation == "get" and name in held:
                outcome.done[name] = held[name]
            elif operation == "insert" and name in held:
                outcome.there.add(name)
            elif operation in ("get", "replace") and name not in held:
                outcome.missing.add(name)
            else:
                held[name] = data
        return outcome

    def query(self, statement, options):
        if not self._query:
            raise ConfigError("FieldNotSupportedInMode", "no index")
        values = options["named_parameters"]
        place = FROM.search(statement)
        names = sorted(self.there[place[1]][place[2]].held)
        if "COUNT(1)" in statement:
            return [len(names)]
        if "OFFSET" in statement:
            return names[values["number"] : values["number"] + 1]
        if "$most" in statement:
            return names[: values["most"]]
        after = [
            n for n in names if n > values["bound"] or (">=" in statement and n == values["bound"])
        ]
        return [n for n in after if "stop" not in values or n < values["stop"]][: values["page"]]


class Store:
    """The adapter's parts on that server."""

    def __init__(self, server):
        index, names = Index(server), Names(server)
        self.catalog = Catalog(server, names)
        self.scans = Scans(server, self.catalog, index, names)
        self.writes = Writes(server, self.catalog, index)

    def read(self, table, count=1):
        parts = self.scans.splits(self.scans.snapshot(table), count)
        return [
            row for part in parts for b in self.scans.scan(part, None, 100) for row in b.to_pylist()
        ]


@pytest.fixture
def server():
    made = Server()
    made.there["social"]["tweets"] = tweets = Collection()
    tweets.held = {
        f"t{number}": orjson.dumps({"text": f"text {number}", "likes": number})
        for number in range(50)
    }
    return made


@pytest.mark.parametrize("count", [1, 3, 60])
def test_somebody_elses_collection_is_read_once_by_ranges_of_names(server, count):
    rows = Store(server).read("tweets", count)
    assert len(rows) == 50
    assert {row["_id"]: row["likes"] for row in rows} == {f"t{n}": n for n in range(50)}
    assert list(rows[0]) == ["_id", "text", "likes"]


def test_a_score_is_merged_into_somebody_elses_documents(server):
    batch = pa.record_batch({"_id": ["t1"], "score": [0.5]})
    store = Store(server)
    assert store.writes.write("social.tweets", batch, ["_id"], merge=True).written == 1
    found = orjson.loads(server.there["social"]["tweets"].held["t1"])
    assert found == {"text": "text 1", "likes": 1, "score": 0.5}
    assert {row["_id"]: row for row in store.read("tweets")}["t1"]["score"] == 0.5


def test_a_table_is_made_as_a_collection_with_its_scope_after_its_note(server):
    store = Store(server)
    store.catalog.ensure("shop.orders", numbers(0, 1).schema, ["id"])
    assert server.made == ["shop", "shop.forebay_store", "shop.orders"]
    assert store.writes.write("shop.orders", numbers(0, 30), ["id"], merge=False).written == 30
    assert sorted(server.there["shop"]["orders"].held, key=int) == [str(n) for n in range(30)]
    assert sorted(row["id"] for row in Store(server).read("shop.orders", 3)) == list(range(30))


def test_a_table_whose_collection_was_dropped_and_made_again_is_another(server):
    store = Store(server)
    store.catalog.ensure("orders", numbers(0, 1).schema, ["id"])
    (part,) = store.scans.splits(store.scans.snapshot("orders"), 1)
    del server.there["social"]["orders"]
    with pytest.raises(ConfigError) as caught:
        store.catalog.info("orders")
    assert caught.value.reason == "ReferenceMissing"
    Store(server).catalog.ensure("orders", numbers(0, 1).schema, ["id"])
    with pytest.raises(DataError) as expired:
        list(store.scans.scan(part, None, 100))
    assert expired.value.reason == "SnapshotExpired"


def test_an_empty_collection_that_was_prepared_is_taken_over(server):
    server.there["social"]["prepared"] = Collection()
    store = Store(server)
    store.catalog.ensure("prepared", numbers(0, 1).schema, ["id"])
    assert store.catalog.info("prepared").schema == numbers(0, 1).schema
    assert "social.prepared" not in server.made


def test_a_collection_of_somebody_else_is_never_taken_over(server):
    with pytest.raises(DataError, match=r"expected key \['id'\], actual key \['_id'\]"):
        Store(server).catalog.ensure("tweets", numbers(0, 1).schema, ["id"])


def test_without_a_query_service_documents_are_merged_and_a_scan_says_why_not(server):
    server._query = False
    store = Store(server)
    batch = pa.record_batch({"_id": ["t1"], "score": [0.5]})
    assert store.writes.write("tweets", batch, ["_id"], merge=True).written == 1
    with pytest.raises(ConfigError, match="nobody names its documents: no index") as caught:
        store.scans.snapshot("tweets")
    assert caught.value.reason == "FieldNotSupportedInMode"


def test_the_adapters_own_collection_is_no_table(server):
    with pytest.raises(ConfigError, match="the store's own"):
        Store(server).catalog.ensure("forebay_store", numbers(0, 1).schema, ["id"])
    assert Place("social", "tweets") == Store(server).catalog.info("tweets").place


def test_two_datastores_of_different_scopes_mean_the_same_table(server):
    store = Store(server)
    store.catalog.ensure("shop.orders", numbers(0, 1).schema, ["id"])
    server.scope = "shop"
    other = Store(server)
    other.writes.write("orders", numbers(0, 10), ["id"], merge=False)
    server.scope = "social"
    assert sorted(row["id"] for row in store.read("shop.orders", 2)) == list(range(10))
