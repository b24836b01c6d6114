import threading
from types import SimpleNamespace

import numpy as np
import pytest

from forebay_workloads.train import context as module
from forebay_workloads.train.checkpoint import Checkpoints
from forebay_workloads.train.context import StageContext, cores
from forebay_workloads.workspace import Workspace
from tests.unit.workspace.memory_store import MemoryStore


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def stage():
    lines, progress = [], []
    return SimpleNamespace(
        log=lines.append, progress=progress.append, stopping=threading.Event(),
        lines=lines, sent=progress, workspace=Workspace(MemoryStore(), "runs/1"),
    )  # fmt: skip


def context(stage, clock=None, interval=0.0):
    clock = clock or Clock()
    points = Checkpoints(stage.workspace, interval, resume=True, log=stage.log, clock=clock)
    return StageContext(stage, points, seed=0, threads=1, clock=clock)


def test_an_epoch_is_progress_with_the_time_left(stage):
    clock = Clock()
    one = context(stage, clock)
    clock.now = 2.0
    one.report(1, 5, {"loss": 0.5})
    sent = stage.sent[0]
    assert (sent.step, sent.epoch, sent.epochs, sent.percent) == ("train", 1, 5, 20.0)
    assert sent.eta_seconds == 8.0
    assert sent.metrics == {"loss": 0.5}


def test_the_log_says_the_first_and_last_epoch_and_is_not_flooded_between(stage):
    one = context(stage)
    for epoch in range(1, 101):
        one.report(epoch, 100, {"loss": 1 / epoch})
    assert [line.split()[2] for line in stage.lines] == ["1/100", "100/100"]


def test_a_resumed_training_has_the_whole_curve(stage):
    first = context(stage)
    for epoch in (1, 2):
        first.report(epoch, 4, {"loss": epoch / 3})
    first.checkpoint({"w": np.ones(1)}, {"epoch": 2})
    first.report(3, 4, {"loss": 9.0})  # after the checkpoint: done again
    second = context(stage)
    arrays, meta = second.restore()
    assert arrays["w"].tolist() == [1.0]
    assert meta == {"epoch": 2}
    assert second.resumed_from == 2
    for epoch in (3, 4):
        second.report(epoch, 4, {"loss": epoch / 3})
    assert second.curve == [{"epoch": e, "metrics": {"loss": e / 3}} for e in (1, 2, 3, 4)]


def test_a_recipe_that_starts_anew_starts_the_curve_anew(stage):
    first = context(stage)
    first.report(1, 2, {"loss": 1.0})
    first.report(2, 2, {"loss": 2.0})
    first.checkpoint({"w": np.ones(1)}, {})
    second = context(stage)
    second.restore()
    second.report(1, 2, {"loss": 3.0})
    assert second.curve == [{"epoch": 1, "metrics": {"loss": 3.0}}]


def test_a_checkpoint_obeys_the_interval_unless_it_is_forced(stage):
    one = context(stage, interval=60.0)
    one.checkpoint({"w": np.ones(1)}, {})
    assert context(stage).restore() is None
    one.checkpoint({"w": np.ones(1)}, {}, force=True)
    assert context(stage).restore() is not None


def test_a_signal_asks_to_stop(stage):
    one = context(stage)
    assert not one.should_stop()
    stage.stopping.set()
    assert one.should_stop()


@pytest.mark.parametrize(
    ("text", "most"), [("50000 100000", 1), ("max 100000", 10_000), ("?", 10_000)]
)
def test_cores_obey_the_containers_limit(tmp_path, monkeypatch, text, most):
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(module, "CPU_LIMIT", tmp_path / "cpu.max")
    assert 1 <= cores() <= most


def test_cores_obey_the_number_of_threads_that_the_pod_sets(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
