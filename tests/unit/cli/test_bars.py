"""Progress bars: what a terminal shows."""

import io
from datetime import UTC, datetime

from rich.console import Console

from forebay.cli.bars import Bars
from forebay.cli.views import RunView, StageView
from forebay_workloads.contract import Progress

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
TRAIN = Progress("train", percent=70, epoch=14, epochs=20, metrics={"loss": 0.81}, eta_seconds=6)


def shown(*views, width=100):
    """The last picture on a terminal of that width."""
    out = io.StringIO()
    console = Console(
        file=out, force_terminal=True, width=width, color_system=None, legacy_windows=False
    )
    with Bars(console) as bars:
        for view in views:
            bars.update([view] if isinstance(view, RunView) else view, NOW)
    return out.getvalue()


def run(*stages, name="movies-1", pipeline="movies"):
    return RunView(name, "default", pipeline, "Running", stages)


def test_each_stage_has_a_bar_with_its_numbers():
    text = shown(
        run(
            StageView("ingest", "Succeeded", rows={"written": 100_000}),
            StageView("train", "Running", progress=TRAIN),
            StageView("publish", "Pending"),
        )
    )
    assert "run movies-1" in text
    lines = [line for line in text.split("\r")[-1].splitlines() if "━" in line]
    assert "ingest" in lines[0]
    assert "100,000 rows" in lines[0]
    assert "epoch 14/20  loss 0.81  70%  ETA 6 s" in lines[1]
    assert "publish" in lines[2]


def test_several_runs_are_told_apart():
    views = [
        run(StageView("train", "Running")),
        run(StageView("train", "Running"), name="b-1", pipeline="b"),
    ]
    text = shown(views)
    assert "movies train" in text
    assert "b train" in text


def test_F60_text_is_never_read_as_markup_and_never_wraps():
    failed = StageView("train", "Failed", "ExitCode", "[red]boom[/red] " + "x" * 300)
    lines = shown(run(failed), width=80).split("\r")[-1].splitlines()
    assert any("[red]boom[/red]" in line for line in lines)
    assert all(len(line) <= 90 for line in lines)
