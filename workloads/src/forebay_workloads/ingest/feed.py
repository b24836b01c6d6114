"""What an ingest of a topic is asked to do: topic, group, codec, table, key, policy. Decided before a record moves.

Used by `ingest.stream` only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay_workloads.codecs.decoded import Codec
from forebay_workloads.codecs.records import codec
from forebay_workloads.contract import consumer_group
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest.drift import EVOLVE, Policy
from forebay_workloads.lifetime import lifetime
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Store
from forebay_workloads.streams.registry import SchemaRegistry

PLACE = ("_partition", "_offset")  # the key of rows that were given none: where the record lies
VALUE_BYTES = 512 << 10  # of one record, unless delivery.maxRecordBytes says otherwise
ATTEMPTS = 5


@dataclass(frozen=True)
class Feed:
    """One ingest of a topic, checked."""

    source: str
    topic: str
    group: str
    codec: Codec
    target_name: str
    target: Store
    table: str
    key: list[str]
    ttl: float | None  # seconds that a row is kept
    policy: Policy
    most_bytes: int
    attempts: int  # at a row that the store refuses for a passing cause, and at a letter
    rows_per_second: float | None  # the lower of both stores' limits
    dead_letter: Mapping[str, Any] | None

    @property
    def numbered(self) -> bool:
        """Whether rows are named by their record's place for want of a key."""
        return self.key == list(PLACE)

    @classmethod
    def of(cls, stage: Stage, block: Mapping[str, Any]) -> Feed:
        """Checks the spec against what the stores can do, and opens the target."""
        origin, aim, delivery = block["from"], block["to"], block.get("delivery") or {}
        source, name = origin["storeRef"]["name"], aim["storeRef"]["name"]
        target = stage.store(name)
        ttl = lifetime(target, aim, "ingest.to")
        documents = target.capabilities.documents
        policy = Policy.of(block.get("schemaPolicy") or {}, evolves=documents)
        if policy.new_field == EVOLVE and not documents:
            message = f"ingest.schemaPolicy.newField: DataStore {name} gives a table no new columns"
            raise ConfigError("FieldNotSupportedInMode", message)
        letters = delivery.get("deadLetter")
        if letters and letters.get("topic") == origin["topic"]:
            message = (
                f"ingest.delivery.deadLetter: topic {origin['topic']!r} is the one that is read"
            )
            raise ConfigError("NameConflict", message)
        return cls(
            source=source,
            topic=origin["topic"],
            group=consumer_group(origin, stage.doc.run.namespace, stage.doc.run.pipeline),
            codec=codec(
                origin.get("format") or "json",
                SchemaRegistry.of(stage.ref(source)),
                origin.get("layout"),
            ),
            target_name=name,
            target=target,
            table=aim["table"],
            key=[*(aim.get("key") or ()), *(aim.get("clustering") or ())] or list(PLACE),
            ttl=ttl,
            policy=policy,
            most_bytes=int(delivery.get("maxRecordBytes") or VALUE_BYTES),
            attempts=int(delivery.get("maxAttempts") or ATTEMPTS),
            rows_per_second=_limit(stage, source, name),
            dead_letter={"storeRef": {"name": source}, **letters} if letters else None,
        )


def _limit(stage: Stage, *names: str) -> float | None:
    limits = [stage.ref(name).limits.get("rowsPerSecond") for name in names]
    return min((float(one) for one in limits if one), default=None)
