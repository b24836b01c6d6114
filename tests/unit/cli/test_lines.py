"""What a follower reads where there is no terminal."""

from datetime import UTC, datetime

import pytest

from forebay.cli import wording
from forebay.cli.lines import Lines
from forebay.cli.views import RunView, StageView, run_view
from forebay_workloads.contract import Progress

NOW = datetime(2026, 3, 1, 12, 0, 10, tzinfo=UTC)
START, END = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01.2Z"


@pytest.mark.parametrize(
    ("stage", "text"),
    [
        (
            StageView(
                "ingest", "Succeeded", start=START, end=END, rows={"read": 1000, "written": 999}
            ),
            "999 rows  1 s",
        ),
        (
            StageView(
                "preprocess",
                "Succeeded",
                start=START,
                end=END,
                rows={"train": 80000, "test": 20000},
            ),
            "80,000 train / 20,000 test  1 s",
        ),
        (StageView("deploy", "Succeeded"), "done"),
        (StageView("train", "Running"), "running"),
        (
            StageView(
                "train",
                "Running",
                progress=Progress("train", 62, 6.2, epoch=14, epochs=20, metrics={"loss": 0.81234}),
            ),
            "epoch 14/20  loss 0.8123  62%  ETA 6.2 s",
        ),
        (
            StageView(
                "ingest",
                "Running",
                progress=Progress("ingest", rows=5000, total_rows=9000, rows_per_second=250.4),
            ),
            "5,000 / 9,000 rows  250 rows/s",
        ),
        (
            StageView("train", "Failed", "NonFiniteLoss", "loss is NaN"),
            "failed (NonFiniteLoss: loss is NaN)",
        ),
        (
            StageView("deploy", "Skipped", "Skipped", "spec has no deploy"),
            "skipped (spec has no deploy)",
        ),
        (
            StageView("train", "Retrying", "Retrying", "exit code 75; trying again"),
            "retrying (exit code 75; trying again)",
        ),
        (StageView("train", "Pending", "Unschedulable"), "pending (Unschedulable)"),
    ],
)
def test_a_stage_says_what_matters(stage, text):
    assert wording.stage_text(stage, NOW) == text


@pytest.mark.parametrize(
    ("value", "text"), [(-1, "0 s"), (0.25, "0.2 s"), (1.25, "1.2 s"), (48, "48 s"), (200, "3m20s")]
)
def test_seconds_read_well(value, text):
    assert wording.seconds(value) == text


class Screen:
    def __init__(self):
        self.lines, self.time = [], 100.0
        self.view = Lines(self.lines.append, lambda: self.time)

    def show(self, *stages, run="movies-1", after=0.0):
        self.time += after
        self.view.update([RunView(run, "default", "movies", "Running", stages)], NOW)


def running(epoch):
    return StageView("train", "Running", progress=Progress("train", epoch=epoch))


def test_each_change_of_a_stage_is_one_line():
    screen = Screen()
    screen.show(StageView("ingest", "Pending"))
    screen.show(StageView("ingest", "Running"))
    screen.show(StageView("ingest", "Running"))
    screen.show(StageView("ingest", "Succeeded", rows={"written": 3}))
    assert screen.lines == ["run movies-1", "  ingest      running", "  ingest      3 rows"]


def test_progress_is_one_line_in_five_seconds():
    screen = Screen()
    for epoch in range(1, 13):
        screen.show(running(epoch), after=1.0)
    assert screen.lines == ["run movies-1"] + [
        f"  train       epoch {epoch}" for epoch in (1, 6, 11)
    ]


def test_lines_of_several_runs_stand_under_their_runs_name():
    screen = Screen()
    screen.show(StageView("ingest", "Running"), run="a")
    screen.show(StageView("ingest", "Running"), run="b")
    screen.show(StageView("train", "Running"), run="b")
    assert screen.lines == [
        "run a",
        "  ingest      running",
        "run b",
        "  ingest      running",
        "  train       running",
    ]


def test_a_failed_run_names_the_stage_that_failed_first():
    run = {
        "metadata": {"name": "movies-1", "namespace": "default"},
        "spec": {"pipelineRef": {"name": "movies"}},
        "status": {
            "phase": "Failed",
            "stages": [
                {"name": "ingest", "state": "Succeeded", "rows": 5},
                {
                    "name": "train",
                    "state": "Failed",
                    "reason": "OOMKilled",
                    "message": "out of memory",
                },
                {"name": "report", "state": "Failed", "reason": "ExitCode", "message": "1"},
            ],
            "conditions": [{"type": "Ready", "reason": "Other", "message": "other"}],
        },
    }
    view = run_view(run)
    assert (view.finished, view.succeeded, view.reason, view.message) == (
        True,
        False,
        "OOMKilled",
        "out of memory",
    )
    assert view.stages[0].rows == {"rows": 5}
