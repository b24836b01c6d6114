"""The data of a training: what preprocess prepared, or the whole source where there is no preprocessing."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Data, Dataset
from forebay_workloads.stage import Stage


def prepared(stage: Stage) -> Data:
    """The run's data sets. DataError EmptyDataset when there is no row to learn from."""
    train = stage.workspace.dataset("train") or _whole_source(stage)
    if not train.rows:
        raise DataError(
            "EmptyDataset", "there is no row to train on; look at ingest and preprocess.split"
        )
    dataset = stage.workspace.dataset
    return Data(train, dataset("validation"), dataset("test"))


def _whole_source(stage: Stage) -> Dataset:
    """`train.from`, else `ingest.to`, copied into the workspace: each epoch reads it, the store only once."""
    spec = stage.doc.spec
    source = (spec.get("train") or {}).get("from") or (spec.get("ingest") or {}).get("to")
    if source is None:
        raise ConfigError(
            "ReferenceMissing", "train.from: name a store and table, or add ingest or preprocess"
        )
    store = stage.store(source["storeRef"]["name"])
    snapshot = store.snapshot(source["table"])

    def batches() -> Iterator[pa.RecordBatch]:
        for split in store.splits(snapshot, 1):
            yield from store.scan(split)

    return stage.workspace.write_dataset("train", store.schema(source["table"]), batches())
