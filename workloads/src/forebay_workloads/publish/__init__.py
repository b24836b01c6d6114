"""The publish stage: the trained model as an artefact in the registry's store, with its card.

`forebay-stage` calls `run`. The ModelVersion object is made by the control plane from the result.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads import __version__
from forebay_workloads.contract import Result
from forebay_workloads.recipes import find
from forebay_workloads.recipes.base import Artifact, Model
from forebay_workloads.registry import artifact
from forebay_workloads.registry.modelfile import load_model
from forebay_workloads.stage import Stage


def run(stage: Stage) -> Result:
    """Result.detail {digest, key, recipe, runtime, signature, params, snapshot, code, size}."""
    block: Mapping[str, Any] = stage.doc.spec["publish"]
    recipe = find(stage.doc.spec["train"])
    model = load_model(stage.workspace)
    exported = recipe.export(model)
    store = stage.store(block["storeRef"]["name"])
    saved = artifact.save(store, block["model"], exported.files, _card(stage, model, exported))
    detail = {
        "digest": saved.digest,
        "key": saved.key,
        "recipe": recipe.name,
        "runtime": recipe.runtime,
        "signature": exported.signature,
        "params": _params(stage),
        "snapshot": _snapshot(stage),
        "code": __version__,
        "size": saved.size,
    }
    stage.workspace.write_json("results/publish", {**detail, "files": sorted(exported.files)})
    stage.log(f"published {block['model']} {saved.digest} ({saved.size} bytes)")
    return Result(detail=detail)


def _params(stage: Stage) -> dict[str, str]:
    return {str(k): str(v) for k, v in (stage.doc.spec["train"].get("params") or {}).items()}


def _snapshot(stage: Stage) -> dict[str, Any]:
    """What the model was trained on, as ingest and preprocess recorded it."""
    ingest = stage.workspace.read_json("results/ingest") or {}
    prepared = stage.workspace.read_json("results/preprocess") or {}
    train = (prepared.get("datasets") or {}).get("train") or {}
    found = {
        "source": ingest.get("snapshot") or (prepared.get("source") or {}).get("snapshot"),
        "digest": ingest.get("digest"),
        "train": {key: train[key] for key in ("rows", "digest") if key in train},
    }
    return {key: value for key, value in found.items() if value}


def _card(stage: Stage, model: Model, exported: Artifact) -> dict[str, Any]:
    """The model card: everything that is known of the model, beside its files."""
    evaluated = stage.workspace.read_json("results/evaluate") or {}
    return {
        "model": stage.doc.spec["publish"]["model"],
        "recipe": model.recipe,
        "signature": exported.signature,
        "metrics": evaluated.get("metrics") or dict(model.metrics),
        "params": _params(stage),
        "lineage": {
            "pipeline": stage.doc.run.pipeline,
            "run": stage.doc.run.name,
            "snapshot": _snapshot(stage),
            "code": __version__,
        },
    }
