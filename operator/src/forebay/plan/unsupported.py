"""Fields of a spec that cannot be honoured here: one table, so that nothing is ignored in silence.

Called by the plans that set the Warning condition. A row goes when the feature comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Spec = Mapping[str, Any]
STAGES_WITH_PODS = ("ingest", "preprocess", "train", "evaluate", "publish", "predict")


@dataclass(frozen=True)
class Row:
    """A field, when it counts as used, what happens instead, and on which planes (all when empty)."""

    field: str
    instead: str
    used: Callable[[Any], bool] = bool
    planes: tuple[str, ...] = ()


_PIPELINE = (
    Row("triggers", "no run is started by them: use schedule or the annotation forebay.dev/run"),
    Row("queue", "Jobs are not queued; they start at once"),
    Row("decide", "no action is chosen; predictions are written without one"),
    Row("lambda", "there is no speed layer; the batch stages run"),
    Row("ingest.mode", "the topic is read once per run, as in mode batch", lambda v: v == "stream"),
    Row("ingest.delivery", "rows are upserted by their key; there is no dead-letter queue"),
    Row("preprocess.engine", "duckdb is used", lambda v: v == "spark"),
    Row("train.nodes", "one pod trains", lambda v: int(v) > 1),
    Row(
        "train.accelerator",
        "the machine's own devices are used as they are found",
        planes=("embedded",),
    ),
    Row("train.accelerator.minMemory", "any device of the vendor is taken", planes=("cluster",)),
    Row(
        "train.accelerator.sharing",
        "whole devices are asked for",
        lambda v: v not in (None, "None"),
        ("cluster",),
    ),
    Row("train.accelerator.profile", "whole devices are asked for", planes=("cluster",)),
    Row("train.accelerator.deviceClass", "no device is claimed", planes=("cluster",)),
    *(
        Row(
            f"{stage}.podTemplate",
            "there are no pods: stages are processes of this machine",
            planes=("embedded",),
        )
        for stage in STAGES_WITH_PODS
    ),
    *(
        Row(f"{stage}.image", "the installed code is run", planes=("embedded",))
        for stage in STAGES_WITH_PODS
    ),
    Row(
        "deploy.policy",
        "the version is rolled out at once after its probe",
        lambda v: v == "Canary",
    ),
)
_TABLE: Mapping[str, tuple[Row, ...]] = {"NoSQLPipeline": _PIPELINE}


def unsupported(kind: str, spec: Spec, plane: str) -> list[str]:
    """A sentence for each field of the spec that is set and cannot be honoured on this plane."""
    return list(_found(_TABLE.get(kind, ()), spec, plane))


def _found(rows: tuple[Row, ...], spec: Spec, plane: str) -> Iterator[str]:
    for row in rows:
        value = _value(spec, row.field)
        applies = not row.planes or plane in row.planes
        if applies and value is not None and row.used(value):
            yield f"spec.{row.field} is not supported here: {row.instead}"


def _value(spec: Spec, path: str) -> Any:
    node: Any = spec
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    return node
