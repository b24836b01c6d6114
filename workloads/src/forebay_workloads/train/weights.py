"""The trained model in the run's workspace: `model/weights.safetensors` and, written last, `model/meta.json`.

The train stage saves it; evaluate and publish load it.
"""

from __future__ import annotations

import hashlib

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.recipes.base import Model
from forebay_workloads.workspace import Workspace

WEIGHTS = "model/weights.safetensors"
META = "model/meta.json"


def save_model(workspace: Workspace, model: Model) -> None:
    """Keeps the model in place of an earlier one."""
    content = save({name: np.asarray(array, order="C") for name, array in model.arrays.items()})
    workspace.put(WEIGHTS, content)
    workspace.write_json(
        META,
        {
            "recipe": model.recipe,
            "meta": model.meta,
            "metrics": model.metrics,
            "weights": hashlib.sha256(content).hexdigest(),
        },
    )


def load_model(workspace: Workspace) -> Model:
    """The model that train saved.

    Raises:
        ConfigError: ReferenceMissing when there is none.
        DataError: DigestMismatch when it is damaged.
    """
    meta, content = workspace.read_json(META), workspace.get(WEIGHTS)
    if meta is None or content is None:
        raise ConfigError(
            "ReferenceMissing", "the workspace has no model; the train stage comes first"
        )
    if hashlib.sha256(content).hexdigest() != meta["weights"]:
        raise DataError("DigestMismatch", f"{workspace.key(WEIGHTS)} is not what train saved")
    try:
        return Model(meta["recipe"], load(content), meta["meta"], meta["metrics"])
    except (KeyError, SafetensorError) as error:
        raise DataError("ModelLoadFailed", f"{workspace.key(WEIGHTS)}: {cut(error)}") from error
