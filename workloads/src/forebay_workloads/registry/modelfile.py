"""A trained model between train, evaluate and publish: safetensors and JSON below `model/` of the workspace."""

from __future__ import annotations

import json

from safetensors.numpy import load, save

from forebay_workloads.errors import ConfigError
from forebay_workloads.recipes.base import Model
from forebay_workloads.workspace import Workspace

WEIGHTS = "model/model.safetensors"
META = "model/meta.json"


def save_model(workspace: Workspace, model: Model) -> None:
    """Writes the weights, then what says that they are whole."""
    digest = workspace.put(WEIGHTS, save(dict(model.arrays)))
    document = {
        "recipe": model.recipe,
        "meta": model.meta,
        "metrics": model.metrics,
        "weights": digest,
    }
    workspace.put(META, json.dumps(document).encode())


def load_model(workspace: Workspace) -> Model:
    """What `save_model` wrote; ConfigError ReferenceMissing when nothing was trained."""
    meta, weights = workspace.get(META), workspace.get(WEIGHTS)
    if meta is None or weights is None:
        raise ConfigError("ReferenceMissing", "this run has no trained model in its workspace")
    raw = json.loads(meta)
    return Model(raw["recipe"], load(weights), raw["meta"], raw["metrics"])
