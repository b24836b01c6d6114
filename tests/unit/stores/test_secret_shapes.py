"""Secrets as other operators write them are understood by the adapters, and both planes agree on their keys.

The shapes were taken from the documentation and sources of those operators; docs/stores.md has them in one table.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from forebay_workloads import credentials
from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import cassandra_connection as cassandra
from forebay_workloads.stores import couchbase_connection as couchbase
from forebay_workloads.stores import dynamodb_connection as dynamodb
from forebay_workloads.stores import hbase_connection as hbase
from forebay_workloads.stores import mongodb_connection as mongodb
from forebay_workloads.stores.secrets import hidden
from forebay_workloads.streams import kafka_settings as kafka

PASSWORD = "c4nary/%p@ss"
CODED = "c4nary%2F%25p%40ss"
ME = {"user": "app", "password": PASSWORD}
JAAS = f'org.apache.kafka.common.security.scram.ScramLoginModule required username="app" password="{PASSWORD}";'
MEMBERS = ["db-0.db.svc:27017", "db-1.db.svc:27017"]
STRING = f"mongodb://app:{CODED}@{','.join(MEMBERS)}"


def told_cassandra(ref: StoreRef, secret: dict[str, str]) -> dict[str, Any]:
    login = cassandra.login(ref, secret)
    points = cassandra.contact_points(ref, secret)
    return {"user": login.username, "password": login.password, "at": points} if login else {}


def told_mongodb(ref: StoreRef, secret: dict[str, str]) -> dict[str, Any]:
    found = mongodb.options(ref, secret, None)
    names = {"username": "user", "password": "password", "host": "at", "authSource": "source"}
    names |= {"replicaSet": "set", "tls": "tls"}
    return {short: found[name] for name, short in names.items() if name in found}


def told_dynamodb(ref: StoreRef, secret: dict[str, str]) -> dict[str, Any]:
    found = dynamodb.login(ref, secret)
    names = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
    return dict(zip(("user", "password", "token"), map(found.get, names), strict=True))


def told_kafka(ref: StoreRef, secret: dict[str, str]) -> dict[str, Any]:
    from pathlib import Path

    found = kafka.options(ref, secret, Path("/secret"))
    names = {
        "sasl.username": "user",
        "sasl.password": "password",
        "bootstrap.servers": "at",
        "security.protocol": "protocol",
        "ssl.ca.location": "ca",
        "ssl.certificate.location": "certificate",
    }
    return {short: found[name] for name, short in names.items() if name in found}


def told_couchbase(ref: StoreRef, secret: dict[str, str]) -> dict[str, Any]:
    login = couchbase.authenticator(ref, secret).as_dict()
    at = couchbase.hosts_of(ref, secret)
    return {"user": login["username"], "password": login["password"], "at": at}


ADAPTERS = {
    "cassandra": (told_cassandra, {"keyspace": "k"}),
    "couchbase": (told_couchbase, {"bucket": "b"}),
    "mongodb": (told_mongodb, {"database": "shop", "authSource": "admin"}),
    "dynamodb": (told_dynamodb, {"region": "eu"}),
    "kafka": (told_kafka, {}),
}


@dataclass(frozen=True)
class Shape:
    """A Secret, and what the adapter is to tell its driver because of it."""

    by: str
    kind: str
    secret: dict[str, str]
    told: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, Any] = field(default_factory=dict)


NODE = {"contactPoints": ["shop-dc1-service"]}
HERE = {"hosts": MEMBERS}
SHAPES = [
    Shape(
        "K8ssandra, superuser", "cassandra", {"username": "app", "password": PASSWORD},
        {**ME, "at": [("shop-dc1-service", 9042)]}, NODE,
    ),
    Shape(
        "Service Binding", "cassandra",
        {"type": "cassandra", "provider": "x", "host": "c1,c2", "port": "9142", "uri": "cassandra://x",
         "username": "app", "password": PASSWORD},
        {**ME, "at": [("c1", 9142), ("c2", 9142)]},
    ),
    Shape(
        "Service Binding", "mongodb",
        {"type": "mongodb", "host": "db", "port": "27018", "username": "app", "password": PASSWORD},
        {**ME, "at": ["db:27018"], "source": "admin"},
    ),
    Shape(
        "Service Binding with a URI only", "mongodb",
        {"type": "mongodb", "uri": f"{STRING}/shop?replicaSet=db&authSource=shop&tls=true"},
        {**ME, "at": MEMBERS, "source": "shop", "set": "db", "tls": True},
    ),
    Shape(
        "MongoDB's community operator", "mongodb",
        {"username": "app", "password": PASSWORD,
         "connectionString.standard": f"{STRING}/admin?replicaSet=db&ssl=false",
         "connectionString.standardSrv": f"mongodb+srv://app:{CODED}@db-svc.svc/admin?replicaSet=db&ssl=false"},
        {**ME, "at": MEMBERS, "source": "admin", "set": "db"},
    ),
    Shape(
        "Percona, users of the system", "mongodb",
        {"MONGODB_BACKUP_USER": "backup", "MONGODB_BACKUP_PASSWORD": "b",
         "MONGODB_CLUSTER_ADMIN_USER": "clusterAdmin", "MONGODB_CLUSTER_ADMIN_PASSWORD": "c",
         "MONGODB_DATABASE_ADMIN_USER": "app", "MONGODB_DATABASE_ADMIN_PASSWORD": PASSWORD,
         "MONGODB_USER_ADMIN_USER": "userAdmin", "MONGODB_USER_ADMIN_PASSWORD": "u"},
        {**ME, "at": MEMBERS, "source": "admin"}, HERE,
    ),
    Shape(
        "Percona, connection strings of a sharded cluster", "mongodb",
        {"app_cfg_connectionString": f"mongodb://app:{CODED}@cfg-0:27017/",
         "app_rs0_connectionString": f"mongodb://app:{CODED}@rs0-0:27017/?replicaSet=rs0",
         "app_rs0_connectionStringSrv": f"mongodb+srv://app:{CODED}@rs0/",
         "app_mongos_connectionString": f"mongodb://app:{CODED}@mongos.svc:27017/?authSource=admin&tls=true"},
        {**ME, "at": ["mongos.svc:27017"], "source": "admin", "tls": True},
    ),
    Shape(
        "Percona, connection strings of a replica set", "mongodb",
        {"app_rs0_connectionString": f"{STRING}/?authSource=app&replicaSet=rs0",
         "app_rs0_connectionStringSrv": f"mongodb+srv://app:{CODED}@rs0/"},
        {**ME, "at": MEMBERS, "source": "app", "set": "rs0"},
    ),
    Shape(
        "Strimzi, KafkaUser with scram-sha-512", "kafka",
        {"password": PASSWORD, "sasl.jaas.config": JAAS},
        {**ME, "at": "k:9092", "protocol": "SASL_PLAINTEXT"}, {"bootstrapServers": ["k:9092"]},
    ),
    Shape(
        "Strimzi, KafkaUser with tls", "kafka",
        {"ca.crt": "of the users", "user.crt": "x", "user.key": "y", "user.p12": "z", "user.password": PASSWORD},
        {"at": "k:9093", "protocol": "SSL", "certificate": "/secret/user.crt"},
        {"bootstrapServers": ["k:9093"], "tls": {}},
    ),
    Shape(
        "Strimzi, KafkaAccess with SCRAM", "kafka",
        {"type": "kafka", "provider": "strimzi", "bootstrap.servers": "k:9093", "bootstrap-servers": "k:9093",
         "bootstrapServers": "k:9093", "security.protocol": "SASL_SSL", "securityProtocol": "SASL_SSL",
         "ssl.truststore.crt": "CA", "username": "app", "password": PASSWORD, "sasl.jaas.config": JAAS,
         "sasl.mechanism": "SCRAM-SHA-512", "saslMechanism": "SCRAM-SHA-512"},
        {**ME, "at": "k:9093", "protocol": "SASL_SSL", "ca": "/secret/ssl.truststore.crt"},
    ),
    Shape(
        "Strimzi, KafkaAccess with mTLS", "kafka",
        {"type": "kafka", "provider": "strimzi", "bootstrap.servers": "k:9093", "security.protocol": "SSL",
         "ssl.truststore.crt": "CA", "ssl.keystore.crt": "x", "ssl.keystore.key": PASSWORD},
        {"at": "k:9093", "protocol": "SSL", "ca": "/secret/ssl.truststore.crt",
         "certificate": "/secret/ssl.keystore.crt"},
    ),
    Shape(
        "Couchbase Operator, administrator", "couchbase", {"username": "app", "password": PASSWORD},
        {**ME, "at": ["cb.svc"]}, {"hosts": ["cb.svc"]},
    ),
    Shape(
        "Service Binding", "couchbase",
        {"type": "couchbase", "host": "cb", "port": "11210", "username": "app", "password": PASSWORD},
        {**ME, "at": ["cb:11210"]},
    ),
    Shape(
        "AWS, access key", "dynamodb",
        {"AWS_ACCESS_KEY_ID": "app", "AWS_SECRET_ACCESS_KEY": PASSWORD}, {**ME, "token": None},
    ),
    Shape(
        "AWS, temporary", "dynamodb",
        {"aws_access_key_id": "app", "aws_secret_access_key": PASSWORD, "aws_session_token": "t"},
        {**ME, "token": "t"},
    ),
    Shape(
        "ours", "dynamodb", {"accessKeyId": "app", "secretAccessKey": PASSWORD}, {**ME, "token": None}
    ),
]  # fmt: skip


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind}: {shape.by}")
def test_a_secret_of_this_shape_says_who_we_are_and_where_the_store_is(shape):
    told, settings = ADAPTERS[shape.kind]
    assert told(StoreRef("shop", shape.kind, settings | shape.settings), shape.secret) == shape.told
    assert credentials.lacking(shape.kind, shape.secret) is None


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.kind}: {shape.by}")
def test_whatever_its_shape_its_password_is_struck_out_as_it_is_and_as_a_uri_has_it(shape):
    struck = kafka.hidden(shape.secret) if shape.kind == "kafka" else hidden(shape.secret)
    assert PASSWORD in struck
    assert CODED in struck or CODED not in str(shape.secret)
    assert "app" not in struck


@pytest.mark.parametrize("login", ["app:p[secret]", "app:[p", "p]:x:y"])
def test_a_uri_that_no_parser_takes_is_struck_out_all_the_same(login):
    uri = f"mongodb://{login}@h/db"
    assert hidden({"uri": uri}) == (uri, login.partition(":")[2])


UNKNOWN = [
    ("cassandra", {"contactPoints": ["a"]}, "'username' and 'password'"),
    ("mongodb", HERE, "'uri'"),
    ("dynamodb", {}, "'accessKeyId' and 'secretAccessKey'"),
    ("kafka", {"bootstrapServers": ["a:1"], "saslMechanism": "PLAIN"}, "'sasl.jaas.config'"),
    ("couchbase", {"hosts": ["a"]}, "'username' and 'password'"),
]


@pytest.mark.parametrize(("kind", "settings", "named"), UNKNOWN)
def test_unknown_keys_are_refused_with_those_expected_and_no_value(kind, settings, named):
    told, defaults = ADAPTERS[kind]
    secret = {"pass": PASSWORD, "login": "app"}
    with pytest.raises(ConfigError) as caught:
        told(StoreRef("shop", kind, defaults | settings), secret)
    assert caught.value.reason == "SecretMissing"
    assert named in caught.value.message
    assert PASSWORD not in caught.value.message


@pytest.mark.parametrize(("kind", "settings", "_"), UNKNOWN)
def test_of_half_a_login_the_other_half_is_named(kind, settings, _):
    told, defaults = ADAPTERS[kind]
    with pytest.raises(ConfigError, match="'password'") as caught:
        told(StoreRef("shop", kind, defaults | settings), {"username": PASSWORD})
    assert caught.value.reason == "SecretMissing"
    assert PASSWORD not in caught.value.message


def test_a_gateway_that_asks_for_no_login_is_given_none():
    with pytest.raises(ConfigError, match=r"leave spec\.auth out"):
        hbase.check_login(StoreRef("shop", "hbase", {}), {"username": "app", "password": PASSWORD})


def test_java_keystores_are_refused_naming_the_keys_of_plain_certificates():
    stores = {"keystore": "", "keystore-password": "", "truststore": "", "truststore-password": ""}
    assert credentials.lacks_certificate("cassandra", stores) == "has no key 'tls.crt'"
    of_cert_manager = {"ca.crt": "", "tls.crt": "", "tls.key": "", "keystore.jks": ""}
    assert credentials.lacks_certificate("cassandra", of_cert_manager) is None


@pytest.mark.parametrize(
    "text", [f"mongodb+srv://app:{CODED}@db.svc/", f"app:{CODED}@db", "mongodb://[", ""]
)
def test_a_connection_string_of_another_kind_is_refused_by_its_key(text):
    ref = StoreRef("shop", "mongodb", {"database": "shop"})
    with pytest.raises(ConfigError) as caught:
        mongodb.options(ref, {"uri": text}, None)
    assert "c4nary" not in caught.value.message


def test_strings_of_several_servers_need_hosts():
    ref = StoreRef("shop", "mongodb", {"database": "shop"})
    several = {f"app_rs{n}_connectionString": f"mongodb://app:{CODED}@rs{n}/" for n in range(2)}
    with pytest.raises(ConfigError, match="app_rs0_connectionString, app_rs1_connectionString"):
        mongodb.options(ref, several, None)
