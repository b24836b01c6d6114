"""Where training data comes from: what preprocess prepared, or else a store's table, read once and kept.

Used by the train stage. A table without preprocess is copied into the workspace first: so it is pinned, every
epoch and every attempt sees the same rows, and later stages can ask what it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

import pyarrow as pa

from forebay_workloads.contract import Progress
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.ingest.pinned import pace, reader
from forebay_workloads.ingest.whole import whole
from forebay_workloads.recipes.base import Data, Dataset
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Reader, Snapshot

SOURCE = "results/train-source"  # what a table without preprocess was pinned to, for the lineage


def training_data(stage: Stage) -> Data:
    """The run's data sets.

    Raises:
        ConfigError: ReferenceMissing when there is nothing to read, FieldNotSupportedInMode for
            `train.from` beside `preprocess`.
        DataError: EmptyDataset.
    """
    if stage.doc.spec.get("preprocess"):
        if (stage.doc.spec.get("train") or {}).get("from"):
            raise ConfigError(
                "FieldNotSupportedInMode",
                "train.from: preprocess says what is trained on; name the table in preprocess.from",
            )
        return prepared(stage)
    train = stage.workspace.dataset("train") or _copied(stage)
    return Data(train)


def prepared(stage: Stage) -> Data:
    """The data sets that are in the workspace; ConfigError ReferenceMissing without `train`."""
    workspace = stage.workspace
    train = workspace.dataset("train")
    if train is None:
        raise ConfigError(
            "ReferenceMissing", "the workspace has no data set train; run the stages before first"
        )
    return Data(train, workspace.dataset("validation"), workspace.dataset("test"))


def source(stage: Stage) -> dict[str, Any]:
    """Store, table and pin of what `training_data` copied; empty where preprocess has prepared the data."""
    if stage.doc.spec.get("preprocess"):
        return {}
    found: dict[str, Any] = stage.workspace.read_json(SOURCE) or {}
    return found


def asked(stage: Stage) -> str | None:
    """For status: how strong the pin is, where one was asked for."""
    found = source(stage)
    wished = found and _place(stage.doc.spec).get("snapshot")
    return f"snapshot {found['snapshot']['strength']}" if wished else None


def _copied(stage: Stage) -> Dataset:
    place = _place(stage.doc.spec)
    name, table = place["storeRef"]["name"], place.get("table")
    if not table:
        raise ConfigError(
            "FieldNotSupportedInMode", "training reads a table, not a topic; ingest the topic first"
        )
    store = reader(stage, place, stage.store(name))
    schema, snapshot = store.schema(table), store.snapshot(table)
    described = {"store": name, "table": table, "snapshot": asdict(snapshot)}
    stage.workspace.write_json(SOURCE, described)
    dataset = stage.workspace.write_dataset("train", schema, _rows(stage, store, snapshot))
    if not dataset.rows:
        raise DataError("EmptyDataset", f"{table!r} in {name} has no rows to train on")
    return dataset


def _rows(stage: Stage, store: Reader, snapshot: Snapshot) -> Iterator[pa.RecordBatch]:
    rows, limit = 0, stage.ref(store.name).limits.get("rowsPerSecond")
    for batch in whole(store, snapshot, pace(snapshot, limit)):
        stage.check_stopping()
        yield batch
        rows += batch.num_rows
        stage.progress(Progress("train", rows=rows, total_rows=snapshot.rows))


def _place(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    for stage, field in (("train", "from"), ("ingest", "to"), ("ingest", "from")):
        place: Mapping[str, Any] | None = (spec.get(stage) or {}).get(field)
        if place:
            return place
    raise ConfigError("ReferenceMissing", "train has nothing to read: give train.from or ingest")
