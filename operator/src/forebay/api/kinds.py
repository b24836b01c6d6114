"""The table of kinds: names, short names, print columns and the rules on their names.

`crdgen` writes CRDs from it, `schema` validates by it, and the command line prints the same columns.
A new kind is one entry here and one file in `v1alpha1/`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forebay.api.v1alpha1 import (
    DataStore,
    ModelDeployment,
    ModelVersion,
    NoSQLPipeline,
    PipelineRun,
    Resource,
    Rule,
)

GROUP = "forebay.dev"
VERSION = "v1alpha1"
CATEGORY = "forebay"


@dataclass(frozen=True)
class Column:
    """A print column, as in `additionalPrinterColumns`; priority 1 shows with `-o wide` only."""

    name: str
    path: str  # JSONPath below the object, ".status.phase"
    type: str = "string"
    priority: int = 0

    def to_schema(self) -> dict[str, object]:
        """The entry of the CRD."""
        column: dict[str, object] = {"name": self.name, "type": self.type, "jsonPath": self.path}
        return column | ({"priority": self.priority} if self.priority else {})


@dataclass(frozen=True)
class KindInfo:
    """What the API server has to know of a kind beside its schema."""

    type: type[Resource]
    plural: str
    short: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]

    @property
    def name(self) -> str:
        """The kind."""
        return self.type.__name__

    @property
    def singular(self) -> str:
        """The kind in small letters, as kubectl takes it."""
        return self.name.lower()


def _condition(name: str, key: str) -> str:
    return f'.status.conditions[?(@.type=="{name}")].{key}'


READY = Column("READY", _condition("Ready", "status"))
REASON = Column("REASON", _condition("Ready", "reason"))
MESSAGE = Column("MESSAGE", _condition("Ready", "message"), priority=1)
AGE = Column("AGE", ".metadata.creationTimestamp", "date")
PROGRESS = Column("PROGRESS", ".status.progress.text")


def _named(limit: int, why: str) -> tuple[Rule, ...]:
    """A server has checked that the name is a DNS name; rules on it must be cheap, its length is unknown."""
    return (
        Rule(
            f"size(self.metadata.name) <= {limit}",
            f"metadata.name may have at most {limit} characters, {why}: take a shorter one",
        ),
        Rule(
            "!self.metadata.name.contains('.')",
            "metadata.name must have no dots, so that it fits a label",
        ),
    )


_LETTER_FIRST = Rule(
    "self.metadata.name.matches('^[a-z]')",
    "metadata.name must begin with a letter, as the name of a Service does",
)
_CHILDREN = "so that its children's names fit 63"

_INFOS = (
    KindInfo(
        DataStore,
        "datastores",
        "dst",  # ds are DaemonSets: kubectl takes theirs
        (
            READY,
            Column("TYPE", ".spec.type"),
            Column("VERSION", ".status.serverVersion", priority=1),
            REASON,
            MESSAGE,
            AGE,
        ),
        _named(52, _CHILDREN),
    ),
    KindInfo(
        NoSQLPipeline,
        "nosqlpipelines",
        "nsp",
        (
            READY,
            Column("PHASE", ".status.phase"),
            PROGRESS,
            Column("MODEL", ".status.modelVersion"),
            REASON,
            Column("RUN", ".status.lastRun.name", priority=1),
            Column("SCHEDULE", ".spec.schedule", priority=1),
            Column("LAG", ".status.ingest.lag", priority=1),
            MESSAGE,
            AGE,
        ),
        _named(52, _CHILDREN),
    ),
    KindInfo(
        PipelineRun,
        "pipelineruns",
        "nsr",
        (
            READY,
            Column("PHASE", ".status.phase"),
            PROGRESS,
            Column("MODEL", ".status.modelVersion"),
            REASON,
            Column("PIPELINE", ".spec.pipelineRef.name", priority=1),
            Column("TRIGGER", ".spec.trigger.type", priority=1),
            MESSAGE,
            AGE,
        ),
        _named(63, "so that it fits a label"),
    ),
    KindInfo(
        ModelVersion,
        "modelversions",
        "mv",
        (
            READY,
            Column("MODEL", ".spec.model"),
            Column("VERSION", ".spec.version"),
            Column("STAGE", r".metadata.labels.forebay\.dev/stage"),
            REASON,
            Column("RUN", ".spec.lineage.run", priority=1),
            Column("DIGEST", ".spec.digest", priority=1),
            AGE,
        ),
        _named(63, "so that it fits a label"),
    ),
    KindInfo(
        ModelDeployment,
        "modeldeployments",
        "md",
        (
            READY,
            Column("PHASE", ".status.phase"),
            Column("STABLE", ".status.stable.version"),
            Column("CANARY", ".status.canary.version"),
            Column("URL", ".status.url"),
            REASON,
            Column("MODEL", ".spec.model.name", priority=1),
            Column("LAG", ".status.stream.lag", "integer", priority=1),
            MESSAGE,
            AGE,
        ),
        (*_named(52, _CHILDREN), _LETTER_FIRST),
    ),
)

KINDS: Mapping[str, KindInfo] = {info.name: info for info in _INFOS}
