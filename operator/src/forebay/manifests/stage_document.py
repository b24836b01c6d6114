"""The document that tells a stage everything: built from a run, the DataStores it names and the registry.

Called by `forebay.plan.start`. What it returns is the contract's type; how it reaches the pod is in job.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.labels import OWNER_UID, labels_of
from forebay.manifests.stores import store_ref
from forebay.settings import Settings
from forebay_workloads.contract import RunRef, Stage, StageDocument, StoreRef

_WORKSPACE_FROM = (
    ("workspace",),
    ("publish",),
    ("ingest", "to"),
    ("preprocess", "to"),
    ("train", "from"),
)


def store_names(spec: Any) -> tuple[str, ...]:
    """Names of all DataStores that a spec refers to, sorted."""
    return tuple(sorted(set(_walk(spec))))


def _walk(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            if key == "storeRef" and isinstance(value, Mapping) and "name" in value:
                yield str(value["name"])
            else:
                yield from _walk(value)
    elif isinstance(node, (list, tuple)):
        for item in node:
            yield from _walk(item)


def workspace_name(spec: Mapping[str, Any], settings: Settings) -> str | None:
    """The store that holds what stages hand over: the spec's, else the plane's own, else that of publish."""
    if spec.get("workspace"):
        return str(spec["workspace"]["storeRef"]["name"])
    if settings.workspace is not None:
        return settings.workspace.name
    for path in _WORKSPACE_FROM:
        block: Mapping[str, Any] = spec
        for key in path:
            block = block.get(key) or {}
        if "storeRef" in block:
            return str(block["storeRef"]["name"])
    names = store_names(spec)
    return names[0] if names else None


def stage_document(
    run: Obj,
    stage: Stage,
    datastores: Mapping[str, Obj],
    settings: Settings,
    *,
    model_version: str | None = None,
    artifact: Mapping[str, str] | None = None,
    baseline: Mapping[str, Any] | None = None,
    status: Mapping[str, Any] | None = None,
    living: Sequence[str] | None = None,
) -> StageDocument:
    """The stage's document. `datastores` are all that the run refers to; ValueError when there is none."""
    spec = run["spec"]["template"]
    workspace = workspace_name(spec, settings)
    if workspace is None:
        raise ValueError(
            "the spec names no DataStore, so nothing can be handed from stage to stage"
        )
    return StageDocument(
        stage=stage,
        run=run_ref(run),
        spec=spec,
        stores=_stores(datastores, settings),
        workspace=workspace,
        model_version=model_version,
        artifact=artifact,
        baseline=baseline,
        status=status,
        living=living,
    )


def _stores(datastores: Mapping[str, Obj], settings: Settings) -> dict[str, StoreRef]:
    stores = {name: store_ref(obj, settings) for name, obj in datastores.items()}
    if settings.workspace is not None:
        stores[settings.workspace.name] = settings.workspace
    return stores


def run_ref(run: Obj) -> RunRef:
    """The run as a stage knows it."""
    meta, spec = run["metadata"], run["spec"]
    return RunRef(
        name=meta["name"],
        uid=meta["uid"],
        namespace=meta.get("namespace", "default"),
        pipeline=spec["pipelineRef"]["name"],
        trigger=(spec.get("trigger") or {}).get("type", "spec"),
        owner=labels_of(run).get(OWNER_UID, ""),
        created=meta.get("creationTimestamp", ""),
    )
