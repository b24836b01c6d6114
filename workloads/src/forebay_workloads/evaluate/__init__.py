"""The evaluate stage: the new model, and the Production one, on the same test set.

`forebay-stage` calls `run`. It measures; the gates are decided by the control plane.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Result
from forebay_workloads.errors import DataError
from forebay_workloads.recipes import find
from forebay_workloads.recipes.base import Data, Model, Recipe
from forebay_workloads.registry import artifact
from forebay_workloads.registry.modelfile import load_model
from forebay_workloads.stage import Stage


def run(stage: Stage) -> Result:
    """Result.metrics of the new model, detail.baseline {version, metrics} of Production where asked for.

    Raises:
        DataError: EmptyDataset without test rows; DigestMismatch for a changed Production artefact.
    """
    block: Mapping[str, Any] = stage.doc.spec["train"]
    params = {str(k): str(v) for k, v in (block.get("params") or {}).items()}
    dataset = stage.workspace.dataset
    train, test = dataset("train"), dataset("test")
    if train is None or test is None or not test.rows:
        raise DataError(
            "EmptyDataset", "there is no test data; give preprocess.split a test share above 0"
        )
    data = Data(train, dataset("validation"), test)
    recipe = find(block)
    metrics = recipe.evaluate(load_model(stage.workspace), data, params)
    baseline = _baseline(stage, recipe, data, params)
    stage.workspace.write_json(
        "results/evaluate", {"metrics": metrics, "baseline": baseline, "rows": test.rows}
    )
    stage.log("  ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    return Result(
        rows={"test": test.rows}, metrics=metrics, detail={"baseline": baseline} if baseline else {}
    )


def _baseline(
    stage: Stage, recipe: Recipe, data: Data, params: Mapping[str, str]
) -> dict[str, Any] | None:
    """The Production model measured on this run's test set: two numbers from one set can be compared."""
    wanted = stage.doc.baseline
    if wanted is None:
        return None
    files = artifact.load(stage.store(wanted["store"]), wanted["key"], wanted["digest"])
    model: Model = recipe.load(files)
    return {"version": wanted["version"], "metrics": recipe.evaluate(model, data, params)}
