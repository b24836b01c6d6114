"""How stages and numbers read on a terminal. Pure text; called by `bars.py`, `lines.py` and `summary.py`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from forebay.cli import age
from forebay.cli.views import FAILED, RUNNING, SKIPPED, StageView
from forebay_workloads.contract import Progress

SPLITS = ("train", "validation", "test")


def stage_text(stage: StageView, now: datetime) -> str:
    """What stands right of a stage's name."""
    if stage.state == RUNNING:
        return progress_text(stage.progress) or "running"
    if stage.state == SKIPPED:
        return f"skipped ({stage.message})" if stage.message else "skipped"
    if stage.state == FAILED:
        return f"failed{_because(stage)}"
    if not stage.settled:
        return f"{stage.state.lower()}{_because(stage)}"
    parts = [rows_text(stage.rows) or ("" if stage.rows else stage.message), took(stage, now)]
    return "  ".join(part for part in parts if part) or "done"


def progress_text(progress: Progress | None) -> str:
    """`epoch 14/20  62%  8,000 rows/s  loss 0.81  ETA 6 s`, as much of it as is known."""
    if progress is None:
        return ""
    parts = []
    if progress.epoch is not None:
        parts.append(f"epoch {progress.epoch}" + (f"/{progress.epochs}" if progress.epochs else ""))
    if progress.rows is not None:
        parts.append(
            f"{progress.rows:,}"
            + (f" / {progress.total_rows:,}" if progress.total_rows else "")
            + " rows"
        )
    if progress.rows_per_second:
        parts.append(f"{progress.rows_per_second:,.0f} rows/s")
    parts.extend(f"{name} {number(value)}" for name, value in progress.metrics.items())
    if progress.percent is not None:
        parts.append(f"{progress.percent:.0f}%")
    if progress.eta_seconds is not None:
        parts.append(f"ETA {seconds(progress.eta_seconds)}")
    return "  ".join(parts)


def rows_text(rows: Mapping[str, int]) -> str:
    """`80,000 train / 20,000 test` for a split, `100,000 rows` else."""
    split = [f"{rows[name]:,} {name}" for name in SPLITS if name in rows]
    if len(split) > 1:
        return " / ".join(split)
    for name in ("written", "rows", "read", *SPLITS):
        if name in rows:
            return f"{rows[name]:,} rows"
    return ""


def took(stage: StageView, now: datetime) -> str:
    """`12 s` that a stage ran; "" when it did not start. Times of objects are whole seconds."""
    if not stage.start:
        return ""
    end = age.parse_time(stage.end) if stage.end else now
    whole = int((end - age.parse_time(stage.start)).total_seconds())
    return seconds(float(whole)) if whole > 0 else "<1 s"


def seconds(value: float) -> str:
    """`1.2 s`, `12 s`, `3m20s`."""
    value = max(value, 0.0)
    if value >= 120:  # noqa: PLR2004 - kubectl's bound for minutes
        return age.human_duration(value)
    return f"{value:.1f} s" if value < 10 and value % 1 else f"{value:.0f} s"  # noqa: PLR2004


def number(value: float | str) -> str:
    """A metric with four significant digits."""
    return f"{float(value):.4g}"


def _because(stage: StageView) -> str:
    reason = "" if stage.reason == stage.state else stage.reason
    why = ": ".join(part for part in (reason, stage.message) if part)
    return f" ({why})" if why else ""
