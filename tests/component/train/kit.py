"""The stages from training to predictions on embedded stores, as a run would call them one by one."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from forebay_workloads import contract, evaluate, predict, publish, train
from forebay_workloads.contract import Result, RunRef, StageDocument, StoreRef
from forebay_workloads.stage import Stage
from tests.unit.recipes.ratings import tastes

SPEC = {
    "ingest": {"to": {"storeRef": {"name": "local"}, "table": "ratings"}},
    "preprocess": {"split": {"by": "random", "test": "0.2"}},
    "train": {
        "runtime": "pytorch",
        "algorithm": "matrix-factorization",
        "params": {
            "user": "who", "item": "what", "rating": "stars",
            "epochs": "3", "members": "2", "factors": "4", "batch_size": "64",
        },
        "checkpoint": {"interval": "0s"},
    },
    "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "5"}]},
    "publish": {"model": "movies", "storeRef": {"name": "local"}},
    "predict": {"to": {"storeRef": {"name": "local"}, "table": "lists"}, "top": 4},
}  # fmt: skip
STAGES = {"train": train, "evaluate": evaluate, "publish": publish, "predict": predict}


class Kit:
    def __init__(self, folder: Path):
        self.folder = folder
        self.doc = StageDocument(
            stage="train",
            run=RunRef("movies-1", "uid-1", "default", "movies"),
            spec=SPEC,
            stores={
                "local": StoreRef("local", "embedded", {"path": str(folder / "local.db")}),
                "workspace": StoreRef("workspace", "files", {"url": str(folder / "work")}),
            },
            workspace="workspace",
        )

    def change(self, **spec):
        """Replaces blocks of the spec; None takes one away."""
        merged = {**self.doc.spec, **spec}
        self.doc = replace(self.doc, spec={k: v for k, v in merged.items() if v is not None})

    def params(self, **params):
        block = self.doc.spec["train"]
        self.change(train={**block, "params": {**block["params"], **params}})

    def prepare(self, train_rows: pa.Table | None = None, test_rows: pa.Table | None = None):
        """What preprocess would have left."""
        with self.stage("train") as stage:
            for name, rows in (
                ("train", tastes() if train_rows is None else train_rows),
                ("test", tastes(seed=5) if test_rows is None else test_rows),
            ):
                stage.workspace.write_dataset(name, rows.schema, rows.to_batches())

    def stage(self, name: str) -> Stage:
        return Stage(replace(self.doc, stage=name))

    def run(self, *names: str) -> Result:
        """Runs these stages in order; the result of the last."""
        result = Result()
        for name in names:
            with self.stage(name) as stage:
                result = STAGES[name].run(stage)
            if name == "publish":
                artifact = {"store": "local", **{k: result.detail[k] for k in ("key", "digest")}}
                self.doc = replace(self.doc, artifact=artifact, model_version="movies-v1")
        return result

    def document(self, name: str) -> dict:
        with self.stage("train") as stage:
            return stage.workspace.read_json(f"results/{name}")

    def table(self, name: str) -> list[dict]:
        with self.stage("train") as stage:
            store = stage.store("local")
            (split,) = store.splits(store.snapshot(name), 1)
            return [row for batch in store.scan(split) for row in batch.to_pylist()]

    def start(self, name: str) -> subprocess.Popen:
        """The stage as a pod runs it: a process of `forebay-stage`."""
        root = self.folder / "root"
        path = root / contract.STAGE_FILE.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(replace(self.doc, stage=name).to_json())
        program = Path(sys.executable).with_name("forebay-stage")
        return subprocess.Popen(
            [program],
            env={**os.environ, contract.ROOT_ENV: str(root)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def left(self) -> Result:
        """The termination message of the last process."""
        path = self.folder / "root" / contract.RESULT_FILE.lstrip("/")
        return Result.decode(path.read_text())
