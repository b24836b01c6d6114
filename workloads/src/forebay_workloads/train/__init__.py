"""The train stage: the run's data in, a model and its curve out. `forebay-stage` calls `run`.

It finds the recipe (`train.algorithm`, or `train.entrypoint`: `package.module:attribute` of an object with
the functions of recipes/base.py) and gives it the data and a Context. It knows nothing of how a recipe learns.
A stage that was killed goes on from the newest checkpoint and ends in the same model.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from forebay_workloads import recipes
from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError
from forebay_workloads.features.declaration import duration
from forebay_workloads.recipes.base import Data, Model
from forebay_workloads.stage import Stage
from forebay_workloads.train.checkpoint import Checkpoints
from forebay_workloads.train.context import StageContext, cores
from forebay_workloads.train.source import training_data
from forebay_workloads.train.weights import save_model

LIBRARIES = ("forebay-workloads", "numpy", "pyarrow", "torch", "scikit-learn", "tensorflow")


def run(stage: Stage) -> Result:
    """Trains; keeps the model under `model/` and writes `results/train.json`.

    Raises:
        ConfigError: FieldNotSupportedInMode (algorithm, runtime, params, nodes), ReferenceMissing.
        DataError: EmptyDataset, SchemaMismatch, NonFiniteLoss.
        Preempted: after SIGTERM, with a checkpoint.
    """
    block: Mapping[str, Any] = stage.doc.spec.get("train") or {}
    if int(block.get("nodes") or 1) > 1:
        raise ConfigError(
            "FieldNotSupportedInMode", "train.nodes: this version trains in one pod; leave it out"
        )
    started = time.monotonic()
    recipe = recipes.find(block)
    params = {str(name): str(value) for name, value in (block.get("params") or {}).items()}
    data = training_data(stage)
    context = _context(stage, block)
    stage.log(f"train {recipe.name} on {data.train.rows:,} rows")
    model = recipe.fit(data, params, context)
    save_model(stage.workspace, model)
    seconds = round(time.monotonic() - started, 3)
    document = _document(block, model, data, context, {**params, **model.meta.get("params", {})})
    stage.workspace.write_json("results/train.json", {**document, "seconds": seconds})
    stage.progress(Progress("train", percent=100, metrics=dict(model.metrics)))
    stage.log(f"train: best epoch {document['best_epoch']}, {seconds} s")
    return Result(rows=document["rows"], metrics=dict(model.metrics))


def _context(stage: Stage, block: Mapping[str, Any]) -> StageContext:
    policy = block.get("checkpoint") or {}
    micros = duration(policy.get("interval", "1m"), "train.checkpoint.interval").micros
    resume = policy.get("resume", "LastCheckpoint") != "Never"
    checkpoints = Checkpoints(stage.workspace, micros / 1e6, resume=resume, log=stage.log)
    return StageContext(stage, checkpoints, seed=0, threads=cores())


def _document(
    block: Mapping[str, Any],
    model: Model,
    data: Data,
    context: StageContext,
    params: Mapping[str, str],
) -> dict[str, Any]:
    sets = {"train": data.train, "validation": data.validation}
    return {
        "recipe": block.get("entrypoint") or model.recipe,
        "params": params,
        "metrics": dict(model.metrics),
        "curve": context.curve,
        "epochs": len(context.curve),
        "best_epoch": model.meta.get("best_epoch") or len(context.curve),
        "resumed_from": context.resumed_from,
        "rows": {name: one.rows for name, one in sets.items() if one is not None},
        "digests": {name: one.digest for name, one in sets.items() if one is not None},
        "threads": context.threads,
        "versions": _versions(),
    }


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # a framework that this image does not have
    return found
