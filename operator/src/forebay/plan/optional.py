"""Fields of a spec that need a kind which this cluster does not have: one table, each with what happens instead.

Called by the plans that set the Warning condition. Such a kind may come at any time, so a plan that was warned
looks again after LOOK_AGAIN.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import HTTP_ROUTE, RESOURCE_CLAIM_TEMPLATE, SCALED_OBJECT
from forebay.manifests.autoscaler import CPU_PERCENT
from forebay.manifests.queue import LOCAL_QUEUES
from forebay.plan.fieldpath import field_of
from forebay.plan.unsupported import Spec, unsupported

LOOK_AGAIN = 30.0  # seconds: what is installed is asked for as often


@dataclass(frozen=True)
class Row:
    """A field, the API that it needs, whose it is, what happens without, and when the field counts as used."""

    field: str
    api: str  # "group/version/Kind"
    project: str
    instead: str
    used: Callable[[Any], bool] = bool
    newer: str = ""  # another version of the API that does as well


def _metric(word: str) -> Callable[[Any], bool]:
    return lambda autoscaling: bool(autoscaling.get("metric") == word)


_DEPLOYMENT = (
    Row(
        "autoscaling",
        SCALED_OBJECT.api,
        "KEDA",
        f"requests are not measured, the pods follow {CPU_PERCENT} % of their requested CPU",
        _metric("concurrency"),
    ),
    Row("autoscaling", SCALED_OBJECT.api, "KEDA", "replicas.min pods run", _metric("kafkaLag")),
    Row("rest.gateway", HTTP_ROUTE.api, "the Gateway API", "no route leads to the model"),
)
_PIPELINE = (
    Row("queue", LOCAL_QUEUES[0], "Kueue", "its Jobs start at once", newer=LOCAL_QUEUES[1]),
    Row(
        "train.accelerator.deviceClass",
        RESOURCE_CLAIM_TEMPLATE.api,
        "a Kubernetes of 1.34 or later",
        "the train stage waits",
    ),
)
_TABLE: Mapping[str, tuple[Row, ...]] = {"ModelDeployment": _DEPLOYMENT, "NoSQLPipeline": _PIPELINE}


def missing(kind: str, spec: Spec, plane: str, apis: Collection[str]) -> list[str]:
    """A sentence for each field whose API is not installed. The embedded plane has none of them and says so itself."""
    return [] if plane == "embedded" else list(_found(_TABLE.get(kind, ()), spec, apis))


def warning(
    kind: str, spec: Spec, plane: str, apis: Collection[str]
) -> tuple[Reason | None, list[str]]:
    """Reason and sentences of the Warning condition: what is not installed first, then what is not supported."""
    absent, ignored = missing(kind, spec, plane, apis), unsupported(kind, spec, plane)
    if absent:
        return Reason.OptionalCRDMissing, [*absent, *ignored]
    return (Reason.FieldNotSupportedInMode if ignored else None), ignored


def _found(rows: tuple[Row, ...], spec: Spec, apis: Collection[str]) -> Iterator[str]:
    for row in rows:
        value = field_of(spec, row.field)
        if value is not None and row.used(value) and not {row.api, row.newer} & set(apis):
            yield (
                f"spec.{row.field} needs {row.api}, which is not installed: {row.instead}; "
                f"install {row.project}"
            )
