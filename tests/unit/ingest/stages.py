"""A stage on two stores in a folder, for the tests of ingest."""

from __future__ import annotations

from forebay_workloads.contract import RunRef, StageDocument, StoreRef
from forebay_workloads.stage import Stage


def references(folder, **limits):
    return {
        "source": StoreRef("source", "files", {"url": str(folder / "in")}, limits),
        "local": StoreRef("local", "embedded", {"path": str(folder / "local.db")}),
        "workspace": StoreRef("workspace", "files", {"url": str(folder / "work")}),
    }


def document(folder, spec, stage="ingest", **limits):
    run = RunRef("run-1", "uid-1", "default", "pipeline")
    return StageDocument(stage, run, spec, references(folder, **limits), "workspace")


def ingest(folder, table="ratings.csv", key=("user", "item"), limits=None, **block):
    to = {"storeRef": {"name": "local"}, "table": "ratings"} | ({"key": list(key)} if key else {})
    source = {"storeRef": {"name": "source"}, "table": table}
    spec = {"ingest": {"from": source, "to": to, **block}}
    return Stage(document(folder, spec, **(limits or {})))
