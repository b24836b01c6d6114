"""Settings and Secrets of every shape become the driver's options; its errors become ours, without a password."""

from __future__ import annotations

from types import SimpleNamespace

import bson
import pytest
from bson.timestamp import Timestamp
from pymongo.errors import (
    AutoReconnect,
    ConfigurationError,
    OperationFailure,
    ServerSelectionTimeoutError,
    WaitQueueTimeoutError,
)

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.stores import mongodb_scan
from forebay_workloads.stores.mongodb_connection import Connection, options
from forebay_workloads.stores.mongodb_errors import spoken
from forebay_workloads.stores.mongodb_scan import At, Scans, pages
from forebay_workloads.stores.secrets import read_secret

SETTINGS = {"hosts": ["a:27017", "b:27017"], "database": "shop"}


def chosen(secret=None, **settings):
    ref = StoreRef("shop", "mongodb", {**SETTINGS, **settings}, {"maxConcurrency": 8})
    return options(ref, secret or {}, None)


def test_a_store_is_reached_by_its_hosts_and_limits():
    found = chosen(replicaSet="rs0")
    assert (found["host"], found["replicaSet"], found["maxPoolSize"]) == (
        ["a:27017", "b:27017"],
        "rs0",
        8,
    )
    assert "username" not in found


@pytest.mark.parametrize(
    ("secret", "hosts"),
    [
        ({"username": "u", "password": "p"}, ["a:27017", "b:27017"]),
        (
            {"type": "mongodb", "host": "db", "port": "27018", "username": "u", "password": "p"},
            ["db:27018"],
        ),
        (
            {"uri": "mongodb://u:p@db-0:1,db-1:2/shop", "username": "u", "password": "p"},
            ["db-0:1", "db-1:2"],
        ),
        (
            {
                "connectionString.standard": "mongodb://u:p@db-0.svc:27017,db-1.svc:27017/?replicaSet=db",
                "connectionString.standardSrv": "mongodb+srv://u:p@db.svc",
                "username": "u",
                "password": "p",
            },
            ["db-0.svc:27017", "db-1.svc:27017"],
        ),
        (
            {"MONGODB_DATABASE_ADMIN_USER": "u", "MONGODB_DATABASE_ADMIN_PASSWORD": "p"},
            ["a:27017", "b:27017"],
        ),
    ],
    ids=["plain", "service binding", "uri", "community operator", "percona"],
)
def test_the_secrets_of_bindings_and_operators_are_understood(secret, hosts):
    own = {} if hosts[0].startswith("a:") else {"hosts": None}
    found = chosen(secret, authSource="admin", **own)
    assert (found["username"], found["password"], found["authSource"]) == ("u", "p", "admin")
    assert found["host"] == hosts


@pytest.mark.parametrize(
    ("secret", "settings", "reason"),
    [
        ({"username": "u"}, {}, "SecretMissing"),
        ({"password": "p"}, {}, "SecretMissing"),
        ({}, {"hosts": None}, "ReferenceMissing"),
        ({"tls.crt": "x"}, {"tls": {"clientSecretRef": {"name": "c"}}}, "SecretMissing"),
    ],
)
def test_what_is_missing_is_said(secret, settings, reason):
    with pytest.raises(ConfigError) as caught:
        chosen(secret, **settings)
    assert caught.value.reason == reason


def test_a_tls_block_turns_encryption_on_and_its_ca_is_used(tmp_path):
    ref = StoreRef("shop", "mongodb", {**SETTINGS, "tls": {}})
    assert chosen(tls={})["tls"] is True
    assert options(ref, {"ca.crt": "x"}, tmp_path)["tlsCAFile"] == str(tmp_path / "ca.crt")


def test_a_secret_that_is_not_mounted_is_said(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_secret(StoreRef("shop", "mongodb", SETTINGS, secrets=str(tmp_path / "no")))
    assert caught.value.reason == "SecretMissing"


def test_a_database_has_to_be_named():
    with pytest.raises(ConfigError, match=r"mongodb\.database"):
        Connection(StoreRef("shop", "mongodb", {"hosts": ["a:1"]}))


@pytest.mark.parametrize(
    ("error", "kind", "reason"),
    [
        (ServerSelectionTimeoutError("refused"), RetryableError, "StoreUnreachable"),
        (AutoReconnect("closed"), RetryableError, "StoreUnreachable"),
        (WaitQueueTimeoutError("no connection free"), RetryableError, "StoreThrottled"),
        (OperationFailure("Authentication failed.", 18), ConfigError, "StoreAuthFailed"),
        (OperationFailure("not authorized on shop", 13), ConfigError, "StoreAuthFailed"),
        (OperationFailure("too many requests", 16500), RetryableError, "StoreThrottled"),
        (OperationFailure("not primary", 10107), RetryableError, "StoreUnreachable"),
        (OperationFailure("snapshot too old", 239), DataError, "SnapshotExpired"),
        (OperationFailure("disk", 14031), RetryableError, "DiskFull"),
        (OperationFailure("failed validation", 121), DataError, "SchemaMismatch"),
        (ConfigurationError("no such option"), ConfigError, "FieldNotSupportedInMode"),
        (bson.errors.InvalidBSON("not valid UTF-8"), DataError, "SchemaMismatch"),
    ],
)
def test_each_error_of_the_driver_has_its_reason(error, kind, reason):
    with pytest.raises(kind, match=r"^\w+: MongoDB a: ") as caught, spoken("MongoDB a"):
        raise error
    assert caught.value.reason == reason


def test_no_password_is_ever_repeated():
    secret = "hunter2-" * 40
    with pytest.raises(RetryableError) as caught, spoken("MongoDB a", (secret,)):
        raise AutoReconnect(f"cannot log in with {secret} at a:27017")
    assert "hunter2" not in str(caught.value)
    assert "a:27017" in str(caught.value)


class Collection:
    """A driver's collection whose cursors break."""

    def __init__(self, answers):
        self.answers = list(answers)
        self.asked = []

    def find_raw_batches(self, query, *_, **__):
        self.asked.append(query)
        return Cursor(self.answers.pop(0))


class Cursor:
    def __init__(self, pages):
        self.pages = pages

    def __iter__(self):
        for page in self.pages:
            if isinstance(page, Exception):
                raise page
            yield b"".join(bson.encode({"_id": one}) for one in page)

    def close(self):
        pass


def test_a_lost_cursor_is_opened_again_behind_the_last_document(monkeypatch):
    monkeypatch.setattr(mongodb_scan, "PAUSES", (0.0, 0.0))
    lost = OperationFailure("cursor id not found", 43)
    broken = Collection([[[1, 2], [3], lost], [AutoReconnect("closed")], [[4]]])
    found = [one["_id"] for raw, _ in pages(broken, {}, None, 10) for one in bson.decode_all(raw)]
    assert found == [1, 2, 3, 4]
    assert broken.asked == [{}, {"_id": {"$gt": 3}}, {"_id": {"$gt": 3}}]


def test_a_server_that_stays_away_ends_the_scan(monkeypatch):
    monkeypatch.setattr(mongodb_scan, "PAUSES", (0.0, 0.0))
    broken = Collection([[[1], AutoReconnect("closed")], *[[AutoReconnect("closed")]] * 5])
    with pytest.raises(AutoReconnect):
        list(pages(broken, {}, None, 10))
    assert len(broken.asked) == 3


def test_an_error_that_will_not_pass_is_not_tried_again():
    broken = Collection([[OperationFailure("not authorized", 13)]])
    with pytest.raises(OperationFailure):
        list(pages(broken, {}, None, 10))


class Database:
    """Answers a count as one of three would: `alone`, one that `forgets` the time asked for, one that `keeps` it."""

    def __init__(self, kind):
        self.kind = kind

    def command(self, *_, **options):
        if self.kind == "alone":
            raise OperationFailure("node needs to be a replica set member", 123)
        if self.kind == "keeps" and "atClusterTime" in options["readConcern"]:
            raise OperationFailure("Read timestamp is older than the oldest available", 239)
        return {"cursor": {"firstBatch": [{"rows": 7}], "atClusterTime": Timestamp(9, 2)}}


@pytest.mark.parametrize(
    ("kind", "at"), [("alone", None), ("forgets", None), ("keeps", Timestamp(9, 2))]
)
def test_a_pin_is_promised_only_by_a_server_that_keeps_to_the_time_it_is_told(kind, at):
    scans = Scans(SimpleNamespace(database=Database(kind)), None)
    assert [scans._pinned("t", {})[1] for _ in range(2)] == [at, at]


def test_a_pinned_read_names_its_cluster_time():
    assert At(Timestamp(9, 2)).document == {"level": "snapshot", "atClusterTime": Timestamp(9, 2)}


def test_what_the_driver_says_of_itself_is_left_out_of_its_errors():
    said = "mongo.nowhere:27017: unknown host (configured timeouts: connectTimeoutMS: 5000.0ms), Timeout: 8.0s, x"
    with pytest.raises(RetryableError) as caught, spoken("MongoDB a"):
        raise ServerSelectionTimeoutError(said)
    assert caught.value.message == "MongoDB a: mongo.nowhere:27017: unknown host"


def test_of_a_servers_answer_its_sentence_and_name_are_told():
    answer = {
        "ok": 0.0,
        "errmsg": "Authentication failed.",
        "code": 18,
        "codeName": "AuthenticationFailed",
        "$clusterTime": {"signature": {"hash": b"\x00" * 20}},
    }
    with pytest.raises(ConfigError) as caught, spoken("MongoDB a"):
        raise OperationFailure("Authentication failed., full error: {…}", 18, answer)
    assert caught.value.message == "MongoDB a: Authentication failed. (AuthenticationFailed)"
