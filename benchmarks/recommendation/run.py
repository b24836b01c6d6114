"""RMSE of `matrix-factorization` with its shipped defaults on MovieLens-100k, three random 80/20 splits.

`make bench-recommendation` runs it. Data is fetched once into the folder given by --data. It prints a table and,
as its last line, the same figures as one JSON document.
"""

import argparse
import json
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv

from forebay_workloads.recipes import find
from forebay_workloads.recipes.base import Data, Dataset
from forebay_workloads.train.context import cores

LIMIT = 0.92  # mean RMSE that the shipped defaults must reach
PARAMS = {"user": "user_id", "item": "movie_id"}  # all others are the recipe's defaults


class Quiet:
    """The Context of a training that nobody watches."""

    def __init__(self, seed: int, threads: int) -> None:
        self.seed, self.threads, self.epochs = seed, threads, 0
        self.rank, self.world, self.device = 0, 1, "cpu"

    def report(self, epoch, epochs, metrics):  # noqa: ARG002 - the contract's names
        self.epochs = epoch

    def checkpoint(self, state, meta, *, force=False):
        pass

    def restore(self):
        return None

    def agree(self, value):
        return value

    def all_reduce(self, array):
        pass

    def should_stop(self):
        return False


def ratings(folder: Path) -> pa.Table:
    path = folder / "ratings.csv"
    if not path.exists():
        command = [sys.executable, "-m", "forebay_workloads.datasets", "fetch", "movielens-100k"]
        subprocess.run([*command, "--to", folder], check=True, stdout=subprocess.DEVNULL)
    return pa.csv.read_csv(path)


def dataset(name: str, rows: pa.Table) -> Dataset:
    return Dataset(name, rows.num_rows, rows.schema, name, lambda: iter(rows.to_batches()))


def measure(rows: pa.Table, seed: int, params: dict[str, str], threads: int) -> dict:
    order = np.random.default_rng(seed).permutation(rows.num_rows)
    held = rows.num_rows // 5
    train, test = rows.take(order[held:]), rows.take(order[:held])
    recipe, context = find({"algorithm": "matrix-factorization"}), Quiet(seed, threads)
    started = time.perf_counter()
    model = recipe.fit(Data(dataset("train", train)), params, context)
    seconds = time.perf_counter() - started
    data = Data(dataset("train", train), test=dataset("test", test))
    metrics = {
        name: round(value, 4) for name, value in recipe.evaluate(model, data, params).items()
    }
    found = {"best_epoch": model.meta["best_epoch"], "epochs": context.epochs}
    return {"seed": seed, **metrics, **found, "seconds": round(seconds, 2)}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(".forebay/bench/movielens-100k"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--param", action="append", default=[], metavar="NAME=VALUE")
    asked = parser.parse_args()
    params = {**PARAMS, **dict(one.split("=", 1) for one in asked.param)}
    rows = ratings(asked.data)
    import torch  # noqa: F401, PLC0415 - its import is no part of the training's time

    runs = [measure(rows, seed, params, asked.threads) for seed in asked.seeds]
    shown = [name for name in runs[0] if name != "seed"]
    mean = {name: round(float(np.mean([run[name] for run in runs])), 4) for name in shown}
    print("seed  " + "  ".join(f"{name:>12}" for name in shown))
    for label, run in [*((run["seed"], run) for run in runs), ("mean", mean)]:
        print(f"{label!s:<6}" + "  ".join(f"{run[name]:>12}" for name in shown))
    machine = {"cores": cores(), "threads": asked.threads, "python": platform.python_version()}
    print(
        json.dumps(
            {"runs": runs, "mean": mean, "params": params, **machine, "torch": version("torch")}
        )
    )
    passed = mean.get("rmse") is None or mean["rmse"] <= LIMIT
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
