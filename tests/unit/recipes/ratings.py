"""Small generated ratings and a recorder in place of the train stage, for tests of recipes."""

import numpy as np
import pyarrow as pa

from forebay_workloads.recipes.base import Data, Dataset, Preempted  # noqa: F401


def dataset(table: pa.Table, name: str = "train", size: int = 500) -> Dataset:
    return Dataset(
        name,
        table.num_rows,
        table.schema,
        f"sha256:{hash(name):x}",
        lambda: iter(table.to_batches(max_chunksize=size)),
    )


def tastes(users: int = 40, items: int = 30, each: int = 15, seed: int = 0) -> pa.Table:
    """Even users like even items; ratings from 1 to 5 with a little noise; string ids."""
    random = np.random.default_rng(seed)
    rows = [(u, i) for u in range(users) for i in random.choice(items, each, replace=False)]
    liked = np.array([(u % 2) == (i % 2) for u, i in rows])
    values = np.clip(np.where(liked, 4.5, 1.5) + random.normal(0, 0.3, len(rows)), 1, 5)
    return pa.table(
        {
            "who": [f"user-{u}" for u, _ in rows],
            "what": [f"item-{i}" for _, i in rows],
            "stars": values,
        }
    )


COLUMNS = {"user": "who", "item": "what", "rating": "stars"}


class Recorder:
    """A Context that keeps everything in memory; `stop_after` should_stop calls it asks to stop."""

    def __init__(self, *, stop_after: int | None = None, resume=None):
        self.seed, self.threads, self.device = 0, 1, "cpu"
        self.rank, self.world = 0, 1
        self.reports: list[tuple[int, dict]] = []
        self.saved = None
        self._resume = resume
        self._calls, self._stop_after = 0, stop_after

    def report(self, epoch, epochs, metrics):
        assert epoch <= epochs
        self.reports.append((epoch, dict(metrics)))

    def checkpoint(self, state, meta, *, force=False):
        if force or self._stop_after is None:
            self.saved = ({k: np.array(v) for k, v in state.items()}, dict(meta))

    def agree(self, value):
        return value

    def all_reduce(self, array):
        pass

    def restore(self):
        return self._resume

    def should_stop(self):
        self._calls += 1
        return self._stop_after is not None and self._calls > self._stop_after
