"""The ingest stage: rows of one store's table, or records of a topic, into a table of another store.

`forebay-stage` calls `run`. Topics are `stream.py`'s work; a table is copied once per run. Rows are upserted
by their key, so a stage that is started again, or a run after it, writes the same rows once more and changes
nothing. What was read is pinned and digested for the lineage. Rows that disappeared from the source stay in
the target.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Result
from forebay_workloads.errors import ConfigError
from forebay_workloads.ingest import stream
from forebay_workloads.ingest.copy import Copy
from forebay_workloads.ingest.pinned import remark
from forebay_workloads.ingest.plan import Plan
from forebay_workloads.stage import Stage


def run(stage: Stage) -> Result:
    """Copies `ingest.from` into `ingest.to`; writes `results/ingest.json`.

    Raises:
        ConfigError: ReferenceMissing, SchemaMismatch (a key column that is not there),
            FieldNotSupportedInMode (mode stream, ttl of a store that has none).
        DataError: EmptyDataset, SchemaMismatch naming the rows, SnapshotExpired.
        RetryableError: what the stores raise, DiskFull.
    """
    block: Mapping[str, Any] | None = stage.doc.spec.get("ingest")
    if not block:
        raise ConfigError("ReferenceMissing", "spec.ingest is missing")
    if block["from"].get("topic") and block.get("mode", "batch") == "batch":
        return stream.drain(stage, block)
    plan = Plan.of(stage, block)
    copied = Copy(stage, plan).run()
    stage.workspace.write_json("results/ingest.json", copied.document)
    rows = copied.rows
    stage.log(
        f"ingest {plan.source_table} → {plan.target_table}: {rows['read']:,} rows read, "
        f"{rows['written']:,} written, {rows['failed']:,} refused in {copied.document['seconds']} s"
    )
    snapshot = {**copied.document["source"]["snapshot"], "digest": copied.document["digest"]}
    return Result(
        rows=rows,
        detail={"digest": copied.document["digest"], "snapshot": snapshot},
        message=remark(block["from"], plan.snapshot),
    )
