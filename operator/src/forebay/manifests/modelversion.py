"""The ModelVersion object of a published model, and its change of stage. Called by the run's plan.

A model version outlives its run and its pipeline, so it has no owner reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.kube.port import API_VERSION, Obj
from forebay.manifests.labels import MANAGED_BY, MODEL, RUN_UID, STAGE, annotations_of, labels_of
from forebay.manifests.names import child_name
from forebay.settings import Settings

REPLACED_BY = (
    "forebay.dev/replaced-by"  # annotation: the version that took Production from this one
)


def version_name(model: str, number: int) -> str:
    """`<model>-v<number>`."""
    return child_name(model, f"v{number}")


def version_number(version: Obj) -> int:
    """17 of v17."""
    return int(str(version["spec"]["version"]).removeprefix("v"))


def model_version(
    run: Obj, number: int, detail: Mapping[str, Any], metrics: Mapping[str, str], settings: Settings
) -> Obj:
    """The object for what publish left in `detail` (its Result.detail)."""
    template = run["spec"]["template"]
    publish, train = template["publish"], template.get("train") or {}
    spec = {
        "model": publish["model"],
        "version": f"v{number}",
        "digest": detail["digest"],
        "artifact": {"storeRef": dict(publish["storeRef"]), "key": detail["key"]},
        "runtime": detail.get("runtime") or train.get("runtime"),
        "recipe": detail.get("recipe") or train.get("algorithm") or train.get("entrypoint"),
        "metrics": dict(metrics),
        "signature": detail.get("signature"),
        "params": {k: str(v) for k, v in (detail.get("params") or {}).items()},
        "lineage": _lineage(run, detail),
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelVersion",
        "metadata": {
            "name": version_name(publish["model"], number),
            "namespace": run["metadata"].get("namespace", "default"),
            "labels": {
                **settings.labels,
                MANAGED_BY: "forebay",
                MODEL: publish["model"],
                RUN_UID: run["metadata"]["uid"],
            },
        },
        "spec": {key: value for key, value in spec.items() if value not in (None, {})},
    }


def _lineage(run: Obj, detail: Mapping[str, Any]) -> dict[str, Any]:
    snapshot = detail.get("snapshot") or {}
    lineage = {
        "pipeline": run["spec"]["pipelineRef"]["name"],
        "run": run["metadata"]["name"],
        "snapshot": snapshot if isinstance(snapshot, Mapping) else {"id": str(snapshot)},
        "code": detail.get("code"),
    }
    return {key: value for key, value in lineage.items() if value}


def staged(version: Obj, stage: str, *, replaced_by: str | None = None) -> Obj:
    """The version as it is to be applied with another stage label.

    It is applied whole: an apply that leaves out what this manager set before would take it away.
    """
    meta = version["metadata"]
    notes = {k: v for k, v in annotations_of(version).items() if k.startswith("forebay.dev/")}
    notes.pop(REPLACED_BY, None)
    if replaced_by:
        notes[REPLACED_BY] = replaced_by
    applied: Obj = {
        "apiVersion": version["apiVersion"],
        "kind": version["kind"],
        "metadata": {
            "name": meta["name"],
            "namespace": meta.get("namespace", "default"),
            "uid": meta["uid"],
            "labels": {**labels_of(version), STAGE: stage},
        },
        "spec": version["spec"],
    }
    if notes:
        applied["metadata"]["annotations"] = notes
    return applied
