"""The evaluate stage: metrics of the new model on the test data, and of the Production version on the same rows.

`forebay-stage` calls `run`. It decides nothing: gates are judged by the control plane from these numbers.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from forebay_workloads import recipes
from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Data, Recipe
from forebay_workloads.registry import artifact
from forebay_workloads.stage import Stage
from forebay_workloads.train.source import prepared
from forebay_workloads.train.weights import load_model


def run(stage: Stage) -> Result:
    """Measures; writes `results/evaluate.json`. `detail.baseline` is {"version", "metrics"} of Production.

    Raises:
        ConfigError: ReferenceMissing without a model.
        DataError: EmptyDataset without test data; DigestMismatch for a damaged Production version that a
            gate compares with.
    """
    started = time.monotonic()
    block: Mapping[str, Any] = stage.doc.spec.get("train") or {}
    recipe, data = recipes.find(block), prepared(stage)
    if data.test is None or not data.test.rows:
        raise DataError(
            "EmptyDataset", "there is no test data; give preprocess.split a test share above 0"
        )
    params = {str(name): str(value) for name, value in (block.get("params") or {}).items()}
    metrics = recipe.evaluate(load_model(stage.workspace), data, params)
    stage.progress(Progress("evaluate", percent=50, rows=data.test.rows, metrics=metrics))
    baseline = _baseline(stage, recipe, data, params)
    document: dict[str, Any] = {
        "metrics": metrics,
        "rows": {"test": data.test.rows},
        "digest": data.test.digest,
        "seconds": round(time.monotonic() - started, 3),
    }
    if baseline:
        document["baseline"] = baseline
    stage.workspace.write_json("results/evaluate.json", document)
    stage.log("evaluate " + " ".join(f"{name} {value:.4f}" for name, value in metrics.items()))
    stage.progress(Progress("evaluate", percent=100, rows=data.test.rows, metrics=metrics))
    detail = {"baseline": baseline} if baseline else {}
    return Result(rows=document["rows"], metrics=metrics, detail=detail)


def _baseline(
    stage: Stage, recipe: Recipe, data: Data, params: Mapping[str, str]
) -> dict[str, Any] | None:
    """The Production version's metrics; {"version", "error"} when it cannot be measured and no gate asks."""
    place = stage.doc.baseline
    if not place:
        return None
    version = str(place["version"])
    try:
        metrics = _measured(stage, recipe, data, params, place)
    except (ConfigError, DataError) as error:
        if _compared(stage.doc.spec):
            raise type(error)(
                error.reason, f"Production version {version}: {error.message}"
            ) from error
        stage.log(f"evaluate: Production version {version} cannot be measured: {error.message}")
        return {"version": version, "error": error.message}
    return {"version": version, "metrics": metrics}


def _measured(
    stage: Stage,
    recipe: Recipe,
    data: Data,
    params: Mapping[str, str],
    place: Mapping[str, Any],
) -> dict[str, float]:
    store = stage.store(place["store"])
    files = artifact.load(store, place["key"], place["digest"])
    made_by = artifact.load_card(store, place["key"]).get("recipe")
    own = (stage.doc.spec.get("train") or {}).get("entrypoint")
    if made_by not in (None, own, recipe.name):
        # A name out of a store never chooses code other than ours: only shipped recipes are looked up.
        recipe = recipes.shipped(str(made_by))
    return recipe.evaluate(recipe.load(files), data, params)


def _compared(spec: Mapping[str, Any]) -> bool:
    gates = (spec.get("evaluate") or {}).get("gates") or []
    return any(gate.get("compareTo") for gate in gates)
