"""Where rows and records come from, where they go, and with which guarantee."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from forebay.api.v1alpha1.base import Block, Rule, about
from forebay.api.v1alpha1.refs import StoreRef
from forebay.api.v1alpha1.scalars import BinaryType, Column, Duration, Table, Topic

Format = Literal["json", "avro", "csv", "jsonl", "parquet", "bson"]
SourceFormat = Literal["json", "avro", "csv", "jsonl", "parquet", "bson", "binary"]

RECORD_BYTES = 512 << 10  # what is larger is a file, and a batch of them would fill the memory
_ONE_UNIT = Rule("has(self.table) != has(self.topic)", "give exactly one of table, topic")


class BinaryField(Block):
    """One field of a fixed binary layout."""

    name: Annotated[Column, about("The column that it becomes; padding becomes none.", "amount")]
    type: Annotated[
        BinaryType,
        about(
            "int8 … int64, uint8 … uint64, float16 … float64, bool, string(n), binary(n) or pad(n) of n bytes; "
            "a string is UTF-8 filled up with zero bytes.",
            "float32",
        ),
    ]


class BinaryLayout(Block):
    """How a record of fixed length lies in memory: its fields follow each other without gaps."""

    order: Annotated[
        Literal["little", "big"], about("Which byte of a number comes first.", "little")
    ] = "little"
    fields: Annotated[
        list[BinaryField],
        about(
            "The fields, in their order.",
            [{"name": "id", "type": "int64"}, {"name": "amount", "type": "float32"}],
            list_keys=("name",),
            min_length=1,
            max_length=128,
        ),
    ]


class SnapshotPolicy(Block):
    """How strongly a run holds on to the rows that it reads."""

    mode: Annotated[
        Literal["AsStore", "Pinned"],
        about(
            "AsStore: as strongly as the store can. Pinned: where the store itself cannot pin, the table is read "
            "once into the run's own copy, which all its stages and attempts read.",
            "Pinned",
        ),
    ] = "AsStore"


class Source(Block):
    """A table or topic to read."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        _ONE_UNIT,
        Rule(
            "!has(self.snapshot) || has(self.table)",
            "a topic is pinned by its offsets: give a table, or leave snapshot out",
            ".snapshot",
        ),
        Rule(
            "has(self.layout) == (has(self.format) && self.format == 'binary')",
            "format binary needs a layout, and no other format has one",
            ".layout",
        ),
    )
    store_ref: Annotated[StoreRef, about("The store to read.", {"name": "shop"})]
    table: Annotated[
        Table | None,
        about(
            "The store's own unit: table, collection, scope.collection, path or glob.",
            "ratings.csv",
        ),
    ] = None
    topic: Annotated[Topic | None, about("Topic of a broker or of an embedded store.", "tx")] = None
    group: Annotated[Topic | None, about("Consumer group of the topic.", "fraud")] = None
    format: Annotated[
        SourceFormat | None, about("Encoding of records or files; left out: by the suffix.", "json")
    ] = None
    layout: Annotated[
        BinaryLayout | None,
        about(
            "What records of format binary are made of.",
            {"fields": [{"name": "id", "type": "int64"}]},
        ),
    ] = None
    snapshot: Annotated[
        SnapshotPolicy | None, about("How reads of a table are pinned.", {"mode": "Pinned"})
    ] = None


class Sink(Block):
    """A table to write: rows are upserted by key, so a repeated write changes nothing."""

    store_ref: Annotated[StoreRef, about("The store to write.", {"name": "shop"})]
    table: Annotated[Table, about("The store's own unit: table, collection, path.", "tx")]
    key: Annotated[
        list[Column] | None,
        about("Columns that identify a row.", ["card_id"], min_length=1, max_length=16),
    ] = None
    clustering: Annotated[
        list[Column] | None,
        about(
            "Columns that order the rows of a key, where the store can.",
            ["ts", "tx_id"],
            min_length=1,
            max_length=16,
        ),
    ] = None
    ttl: Annotated[
        Duration | None, about("How long a row is kept, where the store can; a duration.", "90d")
    ] = None


class PredictionSink(Sink):
    """Where a served model writes its predictions."""

    include: Annotated[
        list[Column] | None,
        about(
            "Columns to write beside the key.",
            ["score", "model_version", "scored_at"],
            min_length=1,
            max_length=64,
        ),
    ] = None


class TopicSink(Block):
    """A topic to write."""

    store_ref: Annotated[
        StoreRef | None, about("The broker; left out: that of `from`.", {"name": "kafka"})
    ] = None
    topic: Annotated[Topic, about("Topic of the records.", "tx.scored")]
    format: Annotated[Format | None, about("Encoding of the records.", "json")] = None


class DeadLetter(Block):
    """Where records go that cannot be processed."""

    RULES: ClassVar[tuple[Rule, ...]] = (_ONE_UNIT,)
    store_ref: Annotated[
        StoreRef | None, about("Store or broker; left out: that of `from`.", {"name": "kafka"})
    ] = None
    topic: Annotated[Topic | None, about("Topic of the refused records.", "tx.dlq")] = None
    table: Annotated[Table | None, about("Table of the refused records.", "tx_dlq")] = None


class SchemaPolicy(Block):
    """What happens to records of a topic whose fields are not the table's."""

    new_field: Annotated[
        Literal["Ignore", "Evolve", "DeadLetter"] | None,
        about(
            "A field that the table lacks. Ignore: left out; Evolve: becomes a column; left out: Evolve where "
            "the store keeps documents, else Ignore.",
            "Evolve",
        ),
    ] = None
    missing_field: Annotated[
        Literal["Ignore", "DeadLetter"],
        about("A column that the record does not fill. Ignore: null.", "Ignore"),
    ] = "Ignore"
    type_change: Annotated[
        Literal["Ignore", "DeadLetter"],
        about("A value that is not of its column's type. Ignore: null.", "DeadLetter"),
    ] = "DeadLetter"
    tombstone: Annotated[
        Literal["Ignore", "DeadLetter"],
        about("A record without a value. Ignore: counted, the row stays.", "Ignore"),
    ] = "Ignore"


class Delivery(Block):
    """What a crash may cost, and what happens to poison records."""

    guarantee: Annotated[
        Literal["AtLeastOnce", "EffectivelyOnce"],
        about(
            "EffectivelyOnce: a record takes effect once, by its key or a transaction.",
            "EffectivelyOnce",
        ),
    ] = "AtLeastOnce"
    dead_letter: Annotated[
        DeadLetter | None,
        about("Where refused records go; left out: the stage fails.", {"topic": "tx.dlq"}),
    ] = None
    max_attempts: Annotated[
        int, about("Attempts before a record is refused; a count.", 5, ge=1, le=100)
    ] = 5
    max_record_bytes: Annotated[
        int,
        about("Largest record of a topic that is taken, bytes.", RECORD_BYTES, ge=1, le=16_777_216),
    ] = RECORD_BYTES
