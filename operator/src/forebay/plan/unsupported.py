"""Fields of a spec that cannot be honoured here: one table, so that nothing is ignored in silence.

Called by the plans that set the Warning condition. A row goes when the feature comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebay.api.v1alpha1.flow import RECORD_BYTES
from forebay.api.v1alpha1.modeldeployment import Batching
from forebay.plan.fieldpath import field_of

Spec = Mapping[str, Any]
STAGES_WITH_PODS = ("ingest", "preprocess", "train", "evaluate", "publish", "predict")


@dataclass(frozen=True)
class Row:
    """A field, when it counts as used, what happens instead, and on which planes (all when empty)."""

    field: str
    instead: str
    used: Callable[[Any], bool] = bool
    planes: tuple[str, ...] = ()
    unless: str = ""  # a field that, where it is set, gives this one its meaning


_PIPELINE = (
    Row("triggers", "no run is started by them: use schedule or the annotation forebay.dev/run"),
    Row("queue", "there are no queues; its Jobs start at once", planes=("embedded",)),
    Row("decide", "no action is chosen; predictions are written without one"),
    Row(
        "ingest.delivery.guarantee",
        "rows are upserted by their key: at least once, the same row twice is one row",
        lambda v: v != "AtLeastOnce",
        unless="ingest.from.topic",
    ),
    Row(
        "ingest.delivery.maxAttempts",
        "a stage is retried runPolicy.backoffLimit times",
        unless="ingest.from.topic",
    ),
    Row(
        "ingest.delivery.maxRecordBytes",
        "a table's rows may have any size",
        lambda v: v != RECORD_BYTES,
        unless="ingest.from.topic",
    ),
    Row(
        "ingest.schemaPolicy",
        "a table's row that does not fit is refused",
        unless="ingest.from.topic",
    ),
    Row("preprocess.engine", "the stage refuses it: use duckdb", lambda v: v == "spark"),
    Row(
        "train.accelerator",
        "a device of this machine is used where the framework finds one, else the CPU",
        planes=("embedded",),
    ),
    *(
        Row(
            f"{stage}.podTemplate",
            "there are no pods: stages are processes of this machine",
            planes=("embedded",),
        )
        for stage in STAGES_WITH_PODS
    ),
    Row(
        "podTemplate",
        "there are no pods: stages are processes of this machine",
        planes=("embedded",),
    ),
    Row("train.image", "the installed code is run", planes=("embedded",)),
    Row(
        "deploy.policy",
        "the version is rolled out at once after its probe",
        lambda v: v == "Canary",
    ),
)
_DEPLOYMENT = (
    Row("stream", "no records are scored from a stream"),
    Row("features", "a request must carry all its features"),
    Row("sink", "predictions are answered and not stored"),
    Row("autoscaling", "replicas.min processes run", planes=("embedded",)),
    Row(
        "replicas",
        "max means nothing without autoscaling, min pods run",
        lambda v: v.get("max") not in (None, v.get("min", 1)),
        unless="autoscaling",
    ),
    Row("monitoring", "requests are not kept and drift is not measured"),
    Row("profile", "it is served as on a cluster, nothing is buffered", lambda v: v == "Edge"),
    Row(
        "rollout.strategy",
        "it is rolled out as Rolling, after its probes, without steps",
        lambda v: v == "Canary",
    ),
    Row("rollout.predictions", "predictions are kept", lambda v: v != "Keep"),
    Row("rest.gateway", "callers use the address in status.url", planes=("embedded",)),
    Row("rest.enabled", "the REST service runs", lambda v: v is False),
    Row(
        "rest.batching",
        "each request is answered on its own",
        lambda v: v not in ({}, Batching().model_dump(by_alias=True)),
    ),
    Row("rollout.analysis", "a version that answered its probes takes all traffic"),
    Row(
        "podTemplate",
        "there are no pods: models are served by processes of this machine",
        planes=("embedded",),
    ),
)
_STORE = (
    Row("embedded.claim", "the file lies in the state folder", planes=("embedded",)),
    Row("files.claim", "the url starts at the folder of its YAML file", planes=("embedded",)),
    Row("podTemplate", "there are no pods: the probe is a process", planes=("embedded",)),
)
_TABLE: Mapping[str, tuple[Row, ...]] = {
    "DataStore": _STORE,
    "NoSQLPipeline": _PIPELINE,
    "ModelDeployment": _DEPLOYMENT,
}


def unsupported(kind: str, spec: Spec, plane: str) -> list[str]:
    """A sentence for each field of the spec that is set and cannot be honoured on this plane."""
    return list(_found(_TABLE.get(kind, ()), spec, plane))


def _found(rows: tuple[Row, ...], spec: Spec, plane: str) -> Iterator[str]:
    for row in rows:
        value = field_of(spec, row.field)
        applies = (not row.planes or plane in row.planes) and not field_of(spec, row.unless)
        if applies and value is not None and row.used(value):
            yield f"spec.{row.field} is not supported here: {row.instead}"
