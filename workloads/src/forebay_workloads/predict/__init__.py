"""The predict stage: batch predictions of the published model, written back to a store.

`forebay-stage` calls `run`. Each row carries `model_version` and `scored_at`, so that it can be found again
when the version turns out bad. A list of the same length overwrites that of an older version row by row.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa

from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes import find
from forebay_workloads.recipes.base import Data
from forebay_workloads.registry import artifact
from forebay_workloads.stage import Stage
from forebay_workloads.train.data import prepared


def run(stage: Stage) -> Result:
    """Writes the recipe's predictions into `predict.to`. DataError SchemaMismatch names the first refused row."""
    block, doc = stage.doc.spec["predict"], stage.doc
    if doc.artifact is None or doc.model_version is None:
        raise ConfigError(
            "ReferenceMissing", "predict needs a published model: add publish to the spec"
        )
    recipe = find(doc.spec["train"])
    files = artifact.load(
        stage.store(doc.artifact["store"]), doc.artifact["key"], doc.artifact["digest"]
    )
    model = recipe.load(files)
    data: Data = prepared(stage)
    target, table = stage.store(block["to"]["storeRef"]["name"]), block["to"]["table"]
    key = list(block["to"].get("key") or recipe.key(model))
    now, written = datetime.now(UTC), 0
    for batch in recipe.predict(model, data, block):
        stage.check_stopping()
        stamped = _stamped(batch, doc.model_version, now)
        if not written:
            target.ensure_table(table, stamped.schema, key)
        report = target.write(table, stamped, key)
        if report.errors:
            first = report.errors[0]
            raise DataError(
                "SchemaMismatch", f"{table}: row {dict(first.key)} was refused: {first.message}"
            )
        written += report.written
        stage.progress(Progress(step="predict", rows=written))
    stage.workspace.write_json("results/predict", {"rows": written, "table": table})
    stage.log(f"wrote {written} predictions of {doc.model_version} to {table}")
    return Result(rows={"written": written})


def _stamped(batch: pa.RecordBatch, version: str, now: datetime) -> pa.RecordBatch:
    count = batch.num_rows
    versions = pa.array([version] * count, pa.string())
    times = pa.array([now] * count, pa.timestamp("us", "UTC"))
    return batch.append_column("model_version", versions).append_column("scored_at", times)
