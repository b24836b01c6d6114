"""The preprocess stage: rows of a store in, data sets for training, validation and test out.

`forebay-stage` calls `run`. The rows pass through a scratch database on disk (`engine`), so their number is
not bounded by memory: `source` → `transform` (SQL, features or nothing) → `split` → `output`, and a
`profile` of the columns beside. Equal data, spec and seed give equal data sets, byte for byte.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from forebay_workloads.contract import Progress, Result
from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.features.declaration import Features
from forebay_workloads.features.expression import Call, Number, Select
from forebay_workloads.preprocess.engine import Engine
from forebay_workloads.preprocess.output import write_datasets, write_store
from forebay_workloads.preprocess.profile import nans, profile
from forebay_workloads.preprocess.source import Source, open_source
from forebay_workloads.preprocess.split import Cut, cut, shares
from forebay_workloads.preprocess.transform import LOADED, transform
from forebay_workloads.preprocess.watch import watched
from forebay_workloads.recipes.base import Dataset
from forebay_workloads.stage import Stage
from forebay_workloads.workspace import described

LOADING, PREPARING = 40, 60  # percent of the stage when loading and preparing are done
NAMED = 8  # columns with NaN that the result message names; the results document has all


def run(stage: Stage) -> Result:
    """Prepares the run's data; writes data sets and `results/preprocess.json`.

    Raises:
        ConfigError: SchemaMismatch (a column that is not there), FieldNotSupportedInMode (SQL that does
            more than read, an engine of another image), ReferenceMissing.
        DataError: EmptyDataset, SchemaMismatch.
        RetryableError: DiskFull; what the stores raise.
    """
    block: Mapping[str, Any] = stage.doc.spec.get("preprocess") or {}
    if block.get("engine", "duckdb") != "duckdb":
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"preprocess.engine {block['engine']!r} is not in this image; it has duckdb",
        )
    source = open_source(stage)
    with (
        tempfile.TemporaryDirectory(prefix="forebay-preprocess-") as folder,
        Engine(Path(folder)) as engine,
    ):
        return _Run(stage, engine, block, source).result()


class _Run:
    """One pass through the steps, with the time each took."""

    def __init__(
        self, stage: Stage, engine: Engine, block: Mapping[str, Any], source: Source
    ) -> None:
        self.stage = stage
        self.engine = engine
        self.block = block
        self.source = source
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def result(self) -> Result:
        read = self._load()
        table, features = self._transform(read)
        rule = self._cut(table, features)
        columns = profile(self.engine, table, self.engine.types(table))
        self._lap("profile")
        sides = [name for name, count in rule.counts.items() if count]
        datasets = write_datasets(self.stage, self.engine, table, rule.side, sides)
        self._lap("write")
        place = self.block.get("to")
        stored = write_store(self.stage, self.engine, table, place, features) if place else None
        self._lap("store")
        rows = {"read": read, "result": sum(rule.counts.values())}
        rows |= {name: one.rows for name, one in datasets.items()}
        rows |= {"written": stored} if stored is not None else {}
        self._keep(rows, rule, columns, datasets, features)
        return self._message(rows, columns, datasets)

    def _load(self) -> int:
        batches = self.source.batches(self.stage, LOADING / 100)
        rows = self.engine.load(LOADED, self.source.schema, batches)
        self._lap("read")
        if not rows:
            raise DataError(
                "EmptyDataset",
                f"{self.source.table!r} in {self.source.store_name} has no rows to prepare",
            )
        return rows

    def _transform(self, read: int) -> tuple[str, Features | None]:
        with watched(self.stage, self.engine, LOADING, PREPARING):
            table, features = transform(self.engine, self.block, self.source.names)
        self._lap("transform")
        if not self.engine.rows(Select((Call("count"),), table))[0][0]:
            raise DataError("EmptyDataset", f"preprocess.sql leaves none of the {read} rows")
        return table, features

    def _cut(self, table: str, features: Features | None) -> Cut:
        self.stage.progress(Progress("preprocess", percent=PREPARING))
        block = self.block.get("split")
        if not block:
            count = int(self.engine.rows(Select((Call("count"),), table))[0][0])
            return Cut(Number(0), {"train": count, "validation": 0, "test": 0})
        wanted = shares(block, features.timestamp if features else None)
        with watched(self.stage, self.engine, PREPARING, PREPARING):
            rule = cut(self.engine, table, self.engine.types(table), wanted)
        self._lap("split")
        return rule

    def _lap(self, name: str) -> None:
        """Books the time since the last step; stops here when the stage was asked to stop."""
        now = time.monotonic()
        self.seconds[name] = round(now - self._started, 4)
        self._started = now
        self.stage.check_stopping()

    def _keep(
        self,
        rows: Mapping[str, int],
        rule: Cut,
        columns: Sequence[Mapping[str, Any]],
        datasets: Mapping[str, Dataset],
        features: Features | None,
    ) -> None:
        document = {
            "source": self.source.described(),
            "rows": rows,
            "datasets": {name: described(one) for name, one in datasets.items()},
            "split": rule.parameters or None,
            "columns": columns,
            "features": list(features.names) if features else [],
            "sql": self.block.get("sql"),
            "engine": {"name": "duckdb", "version": duckdb.__version__},
            "seconds": self.seconds,
        }
        self.stage.workspace.write_json("results/preprocess.json", document)

    def _message(
        self,
        rows: Mapping[str, int],
        columns: Sequence[Mapping[str, Any]],
        datasets: Mapping[str, Dataset],
    ) -> Result:
        missing = nans(columns)
        for name, count in missing.items():
            self.stage.log(f"preprocess: column {name!r} holds {count} NaN")
        parts = ", ".join(f"{one.rows} {name}" for name, one in datasets.items())
        self.stage.log(f"preprocess: {rows['read']} rows read; {parts}")
        self.stage.progress(Progress("preprocess", percent=100, rows=rows["result"]))
        detail: dict[str, Any] = {"digests": {name: one.digest for name, one in datasets.items()}}
        if missing:
            detail["nan"] = dict(list(missing.items())[:NAMED])
        return Result(rows=rows, detail=detail, message=self.source.remark)
