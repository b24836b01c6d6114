"""On MovieLens-100k with the shipped defaults two processes are as good as one."""

import subprocess
import sys

import numpy as np
import pyarrow.csv
import pytest

from forebay_workloads.contract import EXIT_OK

from .kit import Kit
from .test_nodes import Nodes

pytestmark = [pytest.mark.nightly, pytest.mark.slow, pytest.mark.timeout(900)]
PARAMS = {"user": "user_id", "item": "movie_id"}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Train and test rows, 80 to 20."""
    folder = tmp_path_factory.mktemp("movielens")
    fetch = [sys.executable, "-m", "forebay_workloads.datasets", "fetch", "movielens-100k"]
    subprocess.run([*fetch, "--to", str(folder)], check=True, stdout=subprocess.DEVNULL)
    rows = pyarrow.csv.read_csv(folder / "ratings.csv")
    order = np.random.default_rng(0).permutation(rows.num_rows)
    cut = rows.num_rows // 5
    return rows.take(np.sort(order[cut:])), rows.take(np.sort(order[:cut]))


def kit_of(folder, parts) -> Kit:
    made = Kit(folder)
    made.change(train={**made.doc.spec["train"], "params": PARAMS, "checkpoint": {}})
    made.prepare(*parts)
    return made


def test_two_processes_reach_the_error_of_one(tmp_path_factory, parts):
    one, two = (kit_of(tmp_path_factory.mktemp(name), parts) for name in ("one", "two"))
    one.run("train")
    pair = Nodes(two).begin()
    try:
        assert pair.wait(800) == [EXIT_OK, EXIT_OK], pair.log(0) + pair.log(1)
    finally:
        pair.end()
    single, double = (kit.run("evaluate").metrics["rmse"] for kit in (one, two))
    assert single < 0.93
    assert double == pytest.approx(single, abs=0.005)
