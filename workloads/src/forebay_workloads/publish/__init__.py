"""The publish stage: the model becomes an artefact in a store, named by its digest. `forebay-stage` calls `run`.

The control plane makes the ModelVersion object from `Result.detail`. Publishing again writes the same
blobs: the digest depends on the model's files alone. Blobs of versions beyond `publish.keep` are left in
the store: only the control plane knows which versions still exist.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

from forebay_workloads import __version__, recipes
from forebay_workloads.contract import Progress, Result
from forebay_workloads.recipes.base import Artifact
from forebay_workloads.registry import artifact
from forebay_workloads.stage import Stage
from forebay_workloads.train.weights import load_model

SIGNATURE = "signature.json"
CODE = f"forebay-workloads {__version__}"
DETAIL_BYTES = 1_000  # of a snapshot in the result; a longer one is in the card


def run(stage: Stage) -> Result:
    """Exports and saves; writes `results/publish.json`.

    Raises:
        ConfigError: ReferenceMissing without a model or store.
        DataError: ModelLoadFailed when the exported model answers differently.
    """
    started = time.monotonic()
    block: Mapping[str, Any] = stage.doc.spec["publish"]
    train: Mapping[str, Any] = stage.doc.spec.get("train") or {}
    recipe, model = recipes.find(train), load_model(stage.workspace)
    made = recipe.export(model)
    stage.progress(Progress("publish", percent=50))
    files = {**made.files, SIGNATURE: artifact.canonical(made.signature)}
    name = str(train.get("entrypoint") or recipe.name)
    card = _card(stage, made, name, recipe.runtime)
    saved = artifact.save(stage.store(block["storeRef"]["name"]), block["model"], files, card)
    detail = {
        "digest": saved.digest,
        "key": saved.key,
        "size": saved.size,
        "recipe": name,
        "runtime": recipe.runtime,
        "signature": made.signature,
        "params": card["params"],
        "snapshot": _short(card["lineage"]["snapshot"]),
        "code": CODE,
    }
    seconds = round(time.monotonic() - started, 3)
    listed = {file: len(content) for file, content in files.items()}
    stage.workspace.write_json(
        "results/publish.json", {**detail, "card": card, "files": listed, "seconds": seconds}
    )
    stage.log(f"publish {block['model']} {saved.digest} {saved.size:,} bytes at {saved.key}")
    stage.progress(Progress("publish", percent=100))
    return Result(detail=detail)


def _card(stage: Stage, made: Artifact, recipe: str, runtime: str) -> dict[str, Any]:
    """What is known of the model: JSON values. It lies beside the artefact, not inside."""
    results = {name: stage.workspace.read_json(f"results/{name}") or {} for name in _SOURCES}
    train = results["train"]
    run = stage.doc.run
    return {
        "model": stage.doc.spec["publish"]["model"],
        "recipe": recipe,
        "runtime": runtime,
        "signature": made.signature,
        "metrics": results["evaluate"].get("metrics") or train.get("metrics") or {},
        "params": train.get("params") or {},
        "lineage": {
            "pipeline": run.pipeline,
            "run": run.name,
            "namespace": run.namespace,
            "snapshot": _snapshot(results),
            "code": CODE,
        },
        "versions": train.get("versions") or {},
    }


_SOURCES = ("ingest", "preprocess", "train", "evaluate")


def _snapshot(results: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What the model was made of: the source as it was pinned, and each data set's rows and digest."""
    found: dict[str, Any] = {}
    for stage in ("ingest", "preprocess", "train"):
        source = results[stage].get("source")
        if source:
            found["source"] = {**source, "digest": results[stage].get("digest")}
            break
    for name, one in (results["preprocess"].get("datasets") or {}).items():
        found[name] = {"rows": one.get("rows"), "digest": one.get("digest")}
    if "train" not in found:
        digests = results["train"].get("digests") or {}
        rows = results["train"].get("rows") or {}
        found |= {name: {"rows": rows.get(name), "digest": d} for name, d in digests.items()}
    return found


def _short(snapshot: dict[str, Any]) -> dict[str, Any]:
    """The snapshot without its positions where they would not fit into a termination message."""
    if len(json.dumps(snapshot)) <= DETAIL_BYTES or "source" not in snapshot:
        return snapshot
    source = dict(snapshot["source"])
    source["snapshot"] = {
        key: value for key, value in (source.get("snapshot") or {}).items() if key != "at"
    }
    return {**snapshot, "source": source}
