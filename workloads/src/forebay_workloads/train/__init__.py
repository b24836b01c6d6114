"""The train stage: a recipe fits the prepared data; model, curve and metrics go into the workspace.

`forebay-stage` calls `run`. What a recipe may ask for is in context.py; how a killed training goes on, in
checkpoints.py.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Result
from forebay_workloads.recipes import find
from forebay_workloads.recipes.base import Data, Model
from forebay_workloads.registry.modelfile import save_model
from forebay_workloads.stage import Stage
from forebay_workloads.train.context import StageContext
from forebay_workloads.train.data import prepared


def run(stage: Stage) -> Result:
    """Trains; writes `model/`, `results/train.json`, and `checkpoint/` on the way.

    Raises:
        ConfigError: FieldNotSupportedInMode, ReferenceMissing, SchemaMismatch.
        DataError: EmptyDataset, SchemaMismatch, NonFiniteLoss.
        Preempted: asked to stop; the state is kept.
    """
    block: Mapping[str, Any] = stage.doc.spec["train"]
    recipe = find(block)
    data = prepared(stage)
    params = {str(k): str(v) for k, v in (block.get("params") or {}).items()}
    context = StageContext(stage, block)
    started = time.monotonic()
    model = recipe.fit(data, params, context)
    seconds = time.monotonic() - started
    save_model(stage.workspace, model)
    stage.workspace.write_json("results/train", _document(model, data, params, context, seconds))
    stage.log(f"trained {recipe.name} on {data.train.rows} rows in {seconds:.1f} s")
    rows = {part.name: part.rows for part in (data.train, data.validation, data.test) if part}
    return Result(rows=rows, metrics=dict(model.metrics))


def _document(
    model: Model, data: Data, params: Mapping[str, str], context: StageContext, seconds: float
) -> dict[str, Any]:
    """What the report and the model card tell of the training."""
    return {
        "recipe": model.recipe,
        "params": {**params, **model.meta.get("params", {})},
        "curve": context.curve or model.meta.get("curve", []),
        "best_epoch": model.meta.get("best_epoch"),
        "metrics": dict(model.metrics),
        "seconds": round(seconds, 3),
        "rows": data.train.rows,
        "digest": data.train.digest,
        "threads": context.threads,
        "seed": context.seed,
        "resumed": context.resumed,
    }
