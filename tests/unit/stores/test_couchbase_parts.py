"""What is asked of a server of documents, by parts: its query service, keys, time-outs. The server here is scripted."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import orjson
import pytest
from couchbase import exceptions as said

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import couchbase_connection as connection
from forebay_workloads.stores import couchbase_index, couchbase_query, couchbase_write
from forebay_workloads.stores.couchbase_connection import Outcome, authenticator, hosts_of, parted
from forebay_workloads.stores.couchbase_errors import translated
from forebay_workloads.stores.couchbase_index import Index
from forebay_workloads.stores.couchbase_names import Place
from forebay_workloads.stores.couchbase_query import Names

REF = StoreRef("s", "couchbase", {"hosts": ["a", "b:1"], "bucket": "shop"})
HERE = Place()
TWEETS = Place("social", "tweets")


# the query service


class Service:
    """Answers the statements that the adapter makes, and no other, over some names."""

    bucket_name = "a`b"

    def __init__(self, names):
        self.names = sorted(names, key=str.encode)
        self.asked = []
        self.cluster = self

    def patiently(self, work, _):
        return work()

    def query(self, statement, options):
        values = options["named_parameters"]
        assert options["read_only"] is True
        self.asked.append((statement, values))
        begin = "SELECT RAW META(d).id FROM `a``b`.`social`.`tweets` AS d"
        if statement == "SELECT RAW COUNT(1) FROM `a``b`.`social`.`tweets` AS d":
            return [len(self.names)]
        if statement == f"{begin}  ORDER BY META(d).id OFFSET $number LIMIT 1":
            return self.names[values["number"] : values["number"] + 1]
        if statement == f"{begin}  LIMIT $most":
            return self.names[: values["most"]]
        above = " >= " if " >= " in statement else " > "
        stop = " AND META(d).id < $stop" if "stop" in values else ""
        assert statement == (
            f"{begin} WHERE META(d).id{above}$bound{stop} ORDER BY META(d).id LIMIT $page"
        )
        found = [
            name
            for name in self.names
            if (name >= values["bound"] if "=" in above else name > values["bound"])
            and (not stop or name < values["stop"])
        ]
        return found[: values["page"]]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 100])
@pytest.mark.parametrize("size", [0, 1, 5, 50])
def test_ranges_of_names_cover_each_document_once_whatever_the_page(monkeypatch, size, count):
    monkeypatch.setattr(couchbase_query, "PAGE", 4)
    service = Service(f"n{number}'`$x" for number in range(size))
    names = Names(service)
    borders = names.borders(TWEETS, count)
    assert len(borders) < count
    ranges = zip([None, *borders], [*borders, None], strict=True)
    found = [name for start, stop in ranges for name in names.between(TWEETS, start, stop)]
    assert found == service.names
    assert not any("n1" in statement for statement, _ in service.asked)


def test_documents_of_the_servers_own_are_nobodys_rows():
    service = Service(["a", "_sync:1", "_txn:x", "forebay:s.t:1", "b"])
    assert list(Names(service).between(TWEETS, None, None)) == ["a", "b"]


def test_a_bucket_of_one_collection_is_asked_by_its_name():
    assert couchbase_query.from_("shop", Place()) == "`shop` AS d"


# keys


class Documents:
    """Holds pages of keys."""

    where = "here"

    def __init__(self):
        self.held = {}

    def many(self, _, operation, names, *__):
        assert operation == "get"
        return Outcome(done={name: self.held[name] for name in names if name in self.held})

    def patiently(self, work, _):
        return work()

    def durable(self):
        return {}

    def collection(self, _):
        return self

    def binary(self):
        return self

    def increment(self, name, **_):
        self.held[name] = str(int(self.held.get(name, b"0")) + 1).encode()
        return SimpleNamespace(content=int(self.held[name]))

    def insert(self, name, data, **_):
        if name in self.held:
            raise said.DocumentExistsException
        self.held[name] = data
        return SimpleNamespace(cas=len(data))

    def replace(self, name, data, cas, **_):
        if len(self.held[name]) != cas:
            raise said.CasMismatchException
        return self.insert(name, data) if self.held.pop(name, None) else None


@pytest.fixture
def documents():
    return Documents()


@pytest.mark.parametrize("count", [1, 2, 5])
def test_each_key_is_read_once_in_one_part_whoever_wrote_it_how_often(
    monkeypatch, documents, count
):
    monkeypatch.setattr(couchbase_index, "PAGE_KEYS", 7)
    monkeypatch.setattr(couchbase_index, "PART_KEYS", 10)
    writers = [Index(documents) for _ in range(3)]
    keys = [f"k{number}" for number in range(100)]
    for number, writer in enumerate(writers):
        for first in range(number * 20, 100, 9):
            writer.add(HERE, "t", keys[first : first + 9])
    reader = writers[0]
    pages = reader.pages(HERE, "t")
    parts = [list(reader.keys(HERE, "t", pages, part, count)) for part in range(count)]
    assert sorted(key for part in parts for key in part) == sorted(keys)
    assert parts == [list(reader.keys(HERE, "t", pages, part, count)) for part in range(count)]


def test_a_page_holds_so_many_keys_and_is_filled_before_another_begins(documents):
    index = Index(documents)
    for number in range(1200):
        index.add(HERE, "t", [str(number)])
    assert index.pages(HERE, "t") == math.ceil(1200 / couchbase_index.PAGE_KEYS)


def test_a_page_that_is_not_as_it_was_left_is_left_to_whoever_changed_it(documents):
    index = Index(documents)
    index.add(HERE, "t", ["a"])
    documents.held["keys/t/000000001"] = orjson.dumps(["a", "from an answer that was lost"])
    index.add(HERE, "t", ["b"])
    assert "from an answer that was lost" in list(index.keys(HERE, "t", 2, 0, 1))
    assert set(index.keys(HERE, "t", 2, 0, 1)) >= {"a", "b"}


def test_a_page_that_was_never_written_has_no_keys(documents):
    index = Index(documents)
    documents.increment("keys/t")
    index.add(HERE, "t", ["a"])
    assert list(index.keys(HERE, "t", index.pages(HERE, "t"), 0, 1)) == ["a"]


# errors


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (said.AuthenticationException, ConfigError, "StoreAuthFailed"),
        (said.BucketNotFoundException, ConfigError, "ReferenceMissing"),
        (said.CollectionNotFoundException, ConfigError, "ReferenceMissing"),
        (said.QueryIndexNotFoundException, ConfigError, "FieldNotSupportedInMode"),
        (said.TemporaryFailException, RetryableError, "StoreThrottled"),
        (said.RateLimitedException, RetryableError, "StoreThrottled"),
        (said.UnAmbiguousTimeoutException, RetryableError, "StoreUnreachable"),
        (said.AmbiguousTimeoutException, RetryableError, "StoreUnreachable"),
        (said.DurabilityImpossibleException, RetryableError, "StoreUnreachable"),
        (said.InvalidArgumentException, DataError, "SchemaMismatch"),
        (said.CouchbaseException, RetryableError, "StoreUnreachable"),
    ],
)
def test_each_error_of_the_driver_has_its_reason_and_no_secret(error, kind, reason):
    told = translated(error(message="it says hunter2"), "Couchbase a: table 't'", ["hunter2"])
    assert (type(told), told.reason) == (kind, reason)
    assert "hunter2" not in str(told)
    assert "table 't'" in str(told)


# settings and requests


def test_nodes_come_from_the_settings_or_from_a_service_binding():
    assert hosts_of(REF, {}) == ["a", "b:1"]
    bare = replace(REF, settings={"bucket": "shop"})
    assert hosts_of(bare, {"host": "db", "port": "11210"}) == ["db:11210"]
    with pytest.raises(ConfigError, match=r"couchbase\.hosts is not set"):
        hosts_of(bare, {})


def test_a_secret_without_a_password_is_said():
    with pytest.raises(ConfigError, match="'password'") as caught:
        authenticator(REF, {"username": "u"})
    assert caught.value.reason == "SecretMissing"
    with pytest.raises(ConfigError, match="'username'"):
        authenticator(REF, {})


def test_a_clients_certificate_needs_its_key(tmp_path):
    settings = {**REF.settings, "tls": {"clientSecretRef": {"name": "x"}}}
    ref = replace(REF, settings=settings, secrets=str(tmp_path))
    with pytest.raises(ConfigError, match=r"tls\.crt and tls\.key"):
        authenticator(ref, {"tls.crt": "…"})
    chosen = authenticator(ref, {"tls.crt": "…", "tls.key": "…", "ca.crt": "…"}).as_dict()
    assert chosen == {
        "cert_path": str(tmp_path / "tls.crt"),
        "key_path": str(tmp_path / "tls.key"),
        "trust_store_path": str(tmp_path / "ca.crt"),
    }


def test_a_request_has_at_most_so_many_documents_and_bytes(monkeypatch):
    monkeypatch.setattr(connection, "AT_ONCE", 3)
    monkeypatch.setattr(connection, "BYTES_AT_ONCE", 10)
    documents = {"a": b"x" * 9, "b": b"x" * 9, "c": b"x" * 20, **dict.fromkeys("defg", b"")}
    assert [list(some) for some in parted(documents)] == [["a"], ["b"], ["c"], list("def"), ["g"]]


def test_an_update_sets_at_most_so_many_fields_at_a_time():
    sizes = [len(some) for some in couchbase_write.parted(dict.fromkeys(map(str, range(40)), 1))]
    assert sizes == [16, 16, 8]
    assert list(couchbase_write.parted({})) == []
