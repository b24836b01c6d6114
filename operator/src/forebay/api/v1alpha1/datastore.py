"""DataStore: a typed connection to a store or broker, with its Secret, TLS and limits."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, get_args

from forebay.api.v1alpha1.backends import (
    Cassandra,
    Couchbase,
    DynamoDB,
    Embedded,
    Files,
    HBase,
    Kafka,
    MongoDB,
)
from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.conditions import Status
from forebay.api.v1alpha1.pods import PodTemplate
from forebay.api.v1alpha1.refs import SecretKeyRef, SecretRef
from forebay.api.v1alpha1.resource import Metadata, Resource
from forebay.api.v1alpha1.scalars import Text, Timestamp
from forebay_workloads.contract import Capability, Pin

StoreType = Literal[
    "embedded", "cassandra", "mongodb", "couchbase", "dynamodb", "hbase", "kafka", "files"
]
TYPES: tuple[str, ...] = get_args(StoreType)


class Auth(Block):
    """Who we are to the store."""

    secret_ref: Annotated[
        SecretRef,
        about(
            "Secret with keys username and password, or as other operators write it; a rotation rolls the pods.",
            {"name": "shop-user"},
        ),
    ]


class Tls(Block):
    """Encrypted connections; the presence of this block turns them on."""

    ca_secret_ref: Annotated[
        SecretKeyRef | None,
        about("CA that signed the server's certificate.", {"name": "shop-ca", "key": "ca.crt"}),
    ] = None
    client_secret_ref: Annotated[
        SecretRef | None,
        about("Secret with tls.crt and tls.key for mutual TLS.", {"name": "shop-client"}),
    ] = None


class Limits(Block):
    """How much Forebay may ask of the live store."""

    rows_per_second: Annotated[
        int | None,
        about(
            "Most rows read or written by one stage, rows per second.", 20000, ge=1, le=100_000_000
        ),
    ] = None
    max_concurrency: Annotated[
        int | None, about("Most requests in flight from one pod; a count.", 64, ge=1, le=4096)
    ] = None


def _only_with_its_type(name: str) -> Rule:
    return Rule(
        f"(self.type == '{name}') == has(self.{name})",
        f"set {name} when type is {name}, and only then",
        f".{name}",
    )


class DataStoreSpec(Block):
    """Which store, where, as whom, and how hard it may be driven."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        *(_only_with_its_type(name) for name in TYPES),
        Rule(
            "self.type == oldSelf.type",
            "the type of a store is immutable: make another DataStore",
            ".type",
        ),
    )
    type: Annotated[
        StoreType,
        about(
            "Which kind of store; immutable.",
            "cassandra",
        ),
    ]
    embedded: Annotated[Embedded | None, about("Settings of type embedded.", {})] = None
    files: Annotated[Files | None, about("Settings of type files.", {"url": "data/"})] = None
    cassandra: Annotated[
        Cassandra | None,
        about(
            "Settings of type cassandra.", {"contactPoints": ["cassandra:9042"], "keyspace": "shop"}
        ),
    ] = None
    mongodb: Annotated[
        MongoDB | None,
        about("Settings of type mongodb.", {"hosts": ["mongo:27017"], "database": "shop"}),
    ] = None
    couchbase: Annotated[
        Couchbase | None,
        about("Settings of type couchbase.", {"hosts": ["couchbase"], "bucket": "reviews"}),
    ] = None
    dynamodb: Annotated[
        DynamoDB | None, about("Settings of type dynamodb.", {"region": "eu-central-1"})
    ] = None
    hbase: Annotated[
        HBase | None, about("Settings of type hbase.", {"thriftServers": ["hbase-thrift:9090"]})
    ] = None
    kafka: Annotated[
        Kafka | None, about("Settings of type kafka.", {"bootstrapServers": ["kafka:9092"]})
    ] = None
    auth: Annotated[
        Auth | None, about("Credentials, by reference only.", {"secretRef": {"name": "shop-user"}})
    ] = None
    tls: Annotated[
        Tls | None,
        about(
            "Encrypted connections; presence turns them on.", {"caSecretRef": {"name": "shop-ca"}}
        ),
    ] = None
    limits: Annotated[
        Limits | None,
        about("How hard the store may be driven.", {"rowsPerSecond": 20000, "maxConcurrency": 64}),
    ] = None
    pod_template: Annotated[
        PodTemplate | None,
        about(
            "Applies to the pods that probe the store.",
            {"tolerations": [{"key": "ml", "operator": "Exists"}]},
        ),
    ] = None


class DataStoreStatus(Status):
    """What the last probe found. Conditions: Ready, Reachable, Authenticated."""

    server_version: Annotated[Text | None, about("Version that the server told.", "5.0.6")] = None
    last_probe_time: Annotated[
        Timestamp | None, about("When it was probed last; UTC, RFC 3339.", "2026-01-31T12:00:00Z")
    ] = None
    probe_key: Annotated[
        Text | None,
        about("Hash of what was probed last: the spec and its Secrets' versions.", "k3wq7mza"),
    ] = None
    snapshot: Annotated[
        Pin | None,
        about("How strongly a read of this store can be pinned.", "Pinned"),
    ] = None
    capabilities: Annotated[
        list[Capability] | None,
        about(
            "What the store can do for a pipeline: hold tables, artefacts in blobs, documents that get more "
            "fields, rows that end by themselves.",
            ["blobs", "tables"],
            max_length=8,
        ),
    ] = None


class DataStore(Resource):
    """A typed connection to a store or broker, with its Secret, TLS and limits; probed by the operator."""

    kind: Literal["DataStore"] = "DataStore"
    metadata: Metadata
    spec: Annotated[
        DataStoreSpec,
        about(
            "Which store, where, as whom, and how hard it may be driven.",
            {"type": "embedded", "embedded": {}},
        ),
    ]
    status: Annotated[
        DataStoreStatus | None, about("What the last probe found.", {"serverVersion": "5.0.6"})
    ] = None
