"""A DataStore's settings and Secret as the driver is told them, and tables as the catalogue describes them."""

from __future__ import annotations

from dataclasses import replace

import pyarrow as pa
import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores import cassandra_catalog as catalog
from forebay_workloads.stores import cassandra_connection as connection
from forebay_workloads.stores import cassandra_types as types
from forebay_workloads.stores import checks
from forebay_workloads.stores.secrets import encryption, read_secret


def ref(**settings):
    return StoreRef("shop", "cassandra", {"keyspace": "shop", **settings})


@pytest.mark.parametrize(
    ("points", "found"),
    [
        (["a:9142", "b"], [("a", 9142), ("b", 9042)]),
        (["[::1]:9042", "10.0.0.1:19042"], [("::1", 9042), ("10.0.0.1", 19042)]),
    ],
)
def test_contact_points_are_hosts_and_ports(points, found):
    assert connection.contact_points(ref(contactPoints=points), {}) == found


def test_a_binding_names_hosts_in_its_secret():
    secret = {"host": "a, b", "port": "9142"}
    assert connection.contact_points(ref(), secret) == [("a", 9142), ("b", 9142)]
    with pytest.raises(ConfigError, match="contactPoints is not set"):
        connection.contact_points(ref(), {})


def test_user_and_password_come_together():
    found = connection.login(ref(), {"username": "u", "password": "p"})
    assert (found.username, found.password) == ("u", "p")
    assert connection.login(ref(), {}) is None
    for half in ("username", "password"):
        with pytest.raises(ConfigError, match="has no") as caught:
            connection.login(ref(), {half: "s3cret"})
        assert caught.value.reason == "SecretMissing"
        assert "s3cret" not in caught.value.message


def test_a_secret_that_is_not_mounted_is_said(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_secret(StoreRef("shop", "cassandra", {}, secrets=str(tmp_path / "none")))
    assert caught.value.reason == "SecretMissing"


def test_without_a_ca_of_its_own_names_are_compared(tmp_path):
    def tls(secret, **wished):
        mounted = replace(ref(tls=wished), secrets=str(tmp_path))
        return encryption(mounted, secret, names=False)

    assert encryption(ref(), {}, names=False) is None
    assert tls({}).check_hostname
    for half in ({}, {"tls.crt": "…"}, {"tls.crt": "…", "tls.key": ""}):
        with pytest.raises(ConfigError, match=r"tls\.crt and tls\.key"):
            tls(half, clientSecretRef={"name": "c"})
    (tmp_path / "ca.crt").write_text("no certificate")
    with pytest.raises(ConfigError) as caught:
        tls({"ca.crt": "…"})
    assert caught.value.reason == "SecretMissing"


def test_limits_bound_the_requests_in_flight():
    limited = StoreRef(
        "s", "cassandra", {"keyspace": "k", "contactPoints": ["a"]}, limits={"maxConcurrency": 3}
    )
    assert connection.Connection(limited).concurrency == 3


CATALOGUE = [
    ("title", "regular", -1, "text"),
    ("movie", "clustering", 0, "int"),
    ("user", "partition_key", 0, "bigint"),
    ("at", "regular", -1, "timestamp"),
]


def described(comment="", rows=CATALOGUE):
    return catalog.described_table("shop", "ratings", "1-2", comment, rows)


def test_a_table_of_others_has_its_key_first():
    info = described()
    assert (info.key, info.partition, info.ours) == (["user", "movie"], ["user"], False)
    assert info.schema.names == ["user", "movie", "at", "title"]
    assert info.schema.field("at").type == pa.timestamp("ms", "UTC")


def test_a_table_of_ours_has_its_own_order_and_types():
    ours = pa.schema(
        [
            ("at", pa.timestamp("s")),
            ("user", pa.uint32()),
            ("movie", pa.int32()),
            ("title", pa.large_string()),
        ]
    )
    assert described(types.comment(ours)).schema.equals(ours)


def test_columns_dropped_added_or_changed_since_are_as_they_are_now():
    ours = pa.schema([("user", pa.uint32()), ("gone", pa.int32()), ("title", pa.int64())])
    assert described(types.comment(ours)).schema.equals(
        pa.schema(
            [
                ("user", pa.uint32()),
                ("movie", pa.int32()),
                ("at", pa.timestamp("ms", "UTC")),
                ("title", pa.string()),
            ]
        )
    )


def test_a_sink_may_use_a_table_of_others_with_types_of_the_same_family():
    wished = pa.schema(
        [("user", pa.int32()), ("movie", pa.int32()), ("at", pa.timestamp("us", "UTC"))]
    )
    info = described()
    checks.same_table(
        "ratings", checks.fitting(wished, info.schema), info.key, info.schema, info.key
    )
    other = pa.schema([("user", pa.string()), ("movie", pa.int32())])
    with pytest.raises(DataError, match="expected type string, actual type int64"):
        checks.same_table(
            "ratings", checks.fitting(other, info.schema), info.key, info.schema, info.key
        )


def test_F43_counters_are_not_written():
    with pytest.raises(DataError, match="'seen' is a counter"):
        catalog.writable(described(rows=[*CATALOGUE, ("seen", "regular", -1, "counter")]))
