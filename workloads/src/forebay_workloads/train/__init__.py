"""The train stage: the run's data in, a model and its curve out. `forebay-stage` calls `run`.

It finds the recipe (`train.algorithm`, or `train.entrypoint`: `package.module:attribute` of an object with
the functions of recipes/base.py) and gives it the data and a Context. It knows nothing of how a recipe learns.
A stage that was killed goes on from the newest checkpoint and ends in the same model.

With `train.nodes` above 1 every pod runs this. They meet (group.py), read the same data, compute their part of every
batch, and the one of rank 0 alone writes. A pod that comes when all is written has nothing to do.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from forebay_workloads import recipes
from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, PeerLost
from forebay_workloads.features.declaration import duration
from forebay_workloads.recipes.base import Data, Model, Preempted, Recipe
from forebay_workloads.stage import Stage
from forebay_workloads.train.checkpoint import Checkpoints
from forebay_workloads.train.context import StageContext, cores
from forebay_workloads.train.device import chosen
from forebay_workloads.train.group import Group, join
from forebay_workloads.train.source import asked, source, training_data
from forebay_workloads.train.weights import save_model

RESULTS = "results/train.json"
LIBRARIES = ("forebay-workloads", "numpy", "pyarrow", "torch", "scikit-learn", "tensorflow")


def run(stage: Stage) -> Result:
    """Trains; keeps the model under `model/` and writes `results/train.json`.

    Raises:
        ConfigError: FieldNotSupportedInMode (algorithm, runtime, params, nodes), ReferenceMissing,
            GpuUnavailable.
        DataError: EmptyDataset, SchemaMismatch, NonFiniteLoss.
        PeerLost: another pod of this training is gone.
        Preempted: after SIGTERM, with a checkpoint.
    """
    block: Mapping[str, Any] = stage.doc.spec.get("train") or {}
    recipe = recipes.find(block)
    nodes = int(block.get("nodes") or 1)
    if nodes > 1 and not getattr(recipe, "distributed", False):
        raise ConfigError(
            "FieldNotSupportedInMode", f"train.nodes: {recipe.name} trains in one pod; leave it out"
        )
    device = chosen(block, recipe.runtime, stage.log)
    if nodes > 1 and (done := stage.workspace.read_json(RESULTS)) is not None:
        return Result(rows=done["rows"], metrics=done["metrics"])
    group = join(device, stage.stopping.is_set, stage.log)
    if group.world != nodes:
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"train.nodes is {nodes}, but this process was started as one of {group.world}",
        )
    result = _trained(stage, block, recipe, _context(stage, block, device, group), group)
    group.close()
    return result


def _trained(
    stage: Stage, block: Mapping[str, Any], recipe: Recipe, context: StageContext, group: Group
) -> Result:
    """Fits; rank 0 keeps the model and has the result."""
    started = time.monotonic()
    params = {str(name): str(value) for name, value in (block.get("params") or {}).items()}
    data = _data(stage, group)
    stage.log(f"train {recipe.name} on {data.train.rows:,} rows")
    try:
        model = recipe.fit(data, params, context)
    except Preempted:
        if stage.stopping.is_set():
            raise
        raise PeerLost("PeerLost", "another pod of this training was asked to stop") from None
    if group.rank:
        return Result()
    save_model(stage.workspace, model)
    seconds = round(time.monotonic() - started, 3)
    document = _document(block, model, data, context, {**params, **model.meta.get("params", {})})
    stage.workspace.write_json(RESULTS, {**document, "seconds": seconds, "source": source(stage)})
    stage.progress(Progress("train", percent=100, metrics=dict(model.metrics)))
    stage.log(f"train: best epoch {document['best_epoch']}, {seconds} s")
    return Result(rows=document["rows"], metrics=dict(model.metrics), message=asked(stage))


def _data(stage: Stage, group: Group) -> Data:
    """The data; what rank 0 has to copy first, the others find copied."""
    data = training_data(stage) if group.rank == 0 else None
    group.agree(True)
    return data or training_data(stage)


def _context(stage: Stage, block: Mapping[str, Any], device: str, group: Group) -> StageContext:
    policy = block.get("checkpoint") or {}
    micros = duration(policy.get("interval", "1m"), "train.checkpoint.interval").micros
    resume = policy.get("resume", "LastCheckpoint") != "Never"
    checkpoints = Checkpoints(stage.workspace, micros / 1e6, resume=resume, log=stage.log)
    return StageContext(stage, checkpoints, seed=0, threads=cores(), device=device, group=group)


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
        "nodes": context.world,
        "device": context.device,
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
