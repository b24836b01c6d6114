"""The blocks of a DataStore, one for each type: addresses and names, never credentials."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.refs import ObjectRef
from forebay.api.v1alpha1.scalars import Column, ForeignName, HostPort, Quantity, Text, Url


class Claim(Block):
    """A PersistentVolumeClaim of this namespace: made when it is missing, never changed or deleted."""

    name: Annotated[
        ForeignName | None,
        about(
            "Name; left out: the operator's default, `forebay-data`. Stores may share a claim.",
            "shop-data",
        ),
    ] = None
    size: Annotated[
        Quantity | None,
        about(
            "Bytes, as a quantity, of a claim that is to be made; a later change does nothing.",
            "10Gi",
        ),
    ] = None
    storage_class_name: Annotated[
        ForeignName | None,
        about(
            "StorageClass of a claim that is to be made; left out: the cluster's default.",
            "standard",
        ),
    ] = None


class Embedded(Block):
    """A store in one SQLite file: tables, documents, blobs and topics."""

    path: Annotated[
        Url | None,
        about(
            "Path of the file, from the state folder or the claim; left out: `stores/<name>.db`.",
            "stores/shared.db",
        ),
    ] = None
    claim: Annotated[
        Claim | None,
        about("The volume that holds the file in a cluster.", {"name": "shop-data"}),
    ] = None


class FileColumn(Block):
    """One column of a text file: its name, and its type where it is not to be inferred."""

    name: Annotated[Column, about("Name of the column, in the order of the file.", "user_id")]
    type: Annotated[
        Literal[
            "string", "bool", "int32", "int64", "float32", "float64", "date", "timestamp",
            "timestamptz", "binary",
        ]
        | None,
        about("Type of its values; left out: inferred from all of them.", "string"),
    ] = None  # fmt: skip


class FileOptions(Block):
    """How files are read where suffix and content do not say it."""

    format: Annotated[
        Literal["csv", "jsonl", "parquet", "arrow"] | None,
        about("Format of all files; left out: by the suffix.", "csv"),
    ] = None
    delimiter: Annotated[
        str | None,
        about(
            "One ASCII character between fields; left out: comma, semicolon, tab or bar, as found.",
            "\t",
            max_length=1,
        ),
    ] = None
    header: Annotated[bool, about("Whether the first line names the columns.", False)] = True
    columns: Annotated[
        list[FileColumn] | None,
        about(
            "Columns of files without header, or types of some columns of files with one.",
            [{"name": "user", "type": "string"}],
            min_length=1,
            max_length=512,
        ),
    ] = None
    null_values: Annotated[
        list[Text] | None,
        about("Texts that stand for no value.", ["NA", "-"], max_length=16),
    ] = None
    encoding: Annotated[Text, about("Encoding of texts.", "latin-1")] = "utf-8"


class Files(Block):
    """A folder of CSV, JSON Lines or Parquet files, plain or compressed; the format goes by the suffix."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "!has(self.claim) || !(self.url.startsWith('/') || self.url.contains('://'))",
            "a claim holds files of a relative url only: make url relative, or leave claim out",
            ".claim",
        ),
    )
    url: Annotated[
        Url,
        about(
            "Any fsspec URL; a relative one starts at the YAML's folder (here) or the mounted claim (cluster).",
            "data/",
        ),
    ]
    options: Annotated[
        FileOptions | None,
        about("How texts are read.", {"delimiter": "\t", "header": False}),
    ] = None
    claim: Annotated[
        Claim | None,
        about(
            "The volume that a relative url starts from in a cluster.", {"name": "shop-downloads"}
        ),
    ] = None


class Cassandra(Block):
    """Apache Cassandra and what speaks its protocol."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "[has(self.contactPoints), has(self.serviceBindingRef), has(self.k8ssandraRef)]"
            ".filter(x, x).size() == 1",
            "give exactly one of contactPoints, serviceBindingRef, k8ssandraRef",
        ),
    )
    contact_points: Annotated[
        list[HostPort] | None,
        about(
            "Nodes to connect to first; host:port.",
            ["cassandra.data.svc:9042"],
            min_length=1,
            max_length=16,
        ),
    ] = None
    service_binding_ref: Annotated[
        ObjectRef | None,
        about(
            "Secret of a service binding (servicebinding.io): gives endpoints and user.",
            {"name": "shop-binding"},
        ),
    ] = None
    k8ssandra_ref: Annotated[
        ObjectRef | None,
        about(
            "A K8ssandraCluster: its Service of `localDatacenter` and its superuser's Secret are used.",
            {"name": "shop"},
            alias="k8ssandraRef",
        ),
    ] = None
    keyspace: Annotated[Column, about("Keyspace of the tables.", "shop")]
    local_datacenter: Annotated[Column, about("Data centre whose nodes are asked.", "dc1")] = (
        "datacenter1"
    )


class MongoDB(Block):
    """MongoDB, a replica set or a sharded cluster."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.hosts) != has(self.serviceBindingRef)",
            "give exactly one of hosts, serviceBindingRef",
        ),
    )
    hosts: Annotated[
        list[HostPort] | None,
        about(
            "Members to connect to first; host:port.",
            ["mongo-0.mongo:27017"],
            min_length=1,
            max_length=16,
        ),
    ] = None
    service_binding_ref: Annotated[
        ObjectRef | None,
        about(
            "Secret of a service binding (servicebinding.io): gives hosts and user.",
            {"name": "shop-binding"},
        ),
    ] = None
    database: Annotated[Column, about("Database of the collections.", "shop")]
    replica_set: Annotated[Column | None, about("Name of the replica set.", "rs0")] = None
    auth_source: Annotated[Column, about("Database that knows the user.", "admin")] = "admin"


class Couchbase(Block):
    """Couchbase Server."""

    hosts: Annotated[
        list[HostPort],
        about(
            "Nodes to connect to first; host or host:port.",
            ["couchbase.data.svc"],
            min_length=1,
            max_length=16,
        ),
    ]
    bucket: Annotated[Column, about("Bucket of the scopes.", "reviews")]
    scope: Annotated[Column, about("Scope where a table names none.", "_default")] = "_default"


class DynamoDB(Block):
    """Amazon DynamoDB or what speaks its protocol."""

    region: Annotated[Text, about("Region of the tables.", "eu-central-1")]
    endpoint: Annotated[
        Url | None,
        about("URL of another server of this protocol.", "http://dynamodb.data.svc:8000"),
    ] = None
    table_prefix: Annotated[Text, about("Put before each table's name.", "shop-")] = ""


class HBase(Block):
    """Apache HBase through its Thrift gateway."""

    thrift_servers: Annotated[
        list[HostPort],
        about("Thrift gateways; host:port.", ["hbase-thrift:9090"], min_length=1, max_length=16),
    ]
    table_prefix: Annotated[Text, about("Put before each table's name.", "plant:")] = ""


class Kafka(Block):
    """Apache Kafka and what speaks its protocol."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "has(self.bootstrapServers) || has(self.serviceBindingRef)",
            "give bootstrapServers or serviceBindingRef",
        ),
    )
    bootstrap_servers: Annotated[
        list[HostPort] | None,
        about(
            "Brokers to connect to first; host:port.",
            ["kafka.data.svc:9092"],
            min_length=1,
            max_length=16,
        ),
    ] = None
    service_binding_ref: Annotated[
        ObjectRef | None,
        about(
            "Secret of a service binding (servicebinding.io, Strimzi's KafkaAccess): gives brokers and user.",
            {"name": "bus-binding"},
        ),
    ] = None
    sasl_mechanism: Annotated[
        Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None,
        about("How `auth` is presented; left out: no authentication.", "SCRAM-SHA-512"),
    ] = None
    schema_registry_url: Annotated[
        Url | None, about("Registry of Avro schemas.", "http://registry.data.svc:8081")
    ] = None
