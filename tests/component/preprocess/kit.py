"""A preprocess stage on an embedded store, as a test writes it: rows in, data sets out."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from forebay_workloads import preprocess
from forebay_workloads.contract import Result, RunRef, StageDocument, StoreRef
from forebay_workloads.stage import Stage

TABLE = "ratings"


@dataclass
class Prepared:
    result: Result
    tables: dict[str, pa.Table]
    document: dict
    digests: dict[str, str]

    def column(self, name, dataset="train"):
        return self.tables[dataset][name].to_pylist()


class Kit:
    def __init__(self, folder: Path):
        self.refs = {
            "local": StoreRef("local", "embedded", {"path": str(folder / "local.db")}),
            "files": StoreRef("files", "files", {"url": str(folder / "files")}),
            "work": StoreRef("work", "embedded", {"path": str(folder / "work.db")}),
        }
        self.stages: list[Stage] = []

    def stage(self, block) -> Stage:
        spec = {
            "ingest": {"to": {"storeRef": {"name": "local"}, "table": TABLE}},
            "preprocess": block,
        }
        doc = StageDocument(
            "preprocess", RunRef("r", "uid-1", "default", "p"), spec, self.refs, "work"
        )
        return Stage(doc)

    def fill(self, rows: pa.Table, key="id", batch_rows=65_536):
        """Puts rows into the store; a column `id` is added when the key is missing."""
        if key not in rows.column_names:
            rows = rows.append_column(key, pa.array(range(rows.num_rows), pa.int64()))
        with self.stage({}) as stage:
            store = stage.store("local")
            store.ensure_table(TABLE, rows.schema, [key])
            for batch in rows.to_batches(batch_rows):
                assert not store.write(TABLE, batch, [key]).errors
        return self

    def run(self, block) -> Prepared:
        with self.stage(block) as stage:
            result = preprocess.run(stage)
            work = stage.workspace
            found = {name: work.dataset(name) for name in ("train", "validation", "test")}
            tables = {
                name: pa.Table.from_batches(list(one.batches()), one.schema)
                for name, one in found.items()
                if one
            }
            digests = {name: one.digest for name, one in found.items() if one}
            return Prepared(result, tables, work.read_json("results/preprocess"), digests)
