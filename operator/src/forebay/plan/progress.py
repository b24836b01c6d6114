"""Progress of a running stage as the status shows it. Called by the plans of runs and pipelines."""

from __future__ import annotations

import math
from typing import Any

from forebay_workloads.contract import Progress

_MINUTE, _HOUR = 60, 3600
_METRICS = 32  # as many as the API takes


def progress_status(progress: Progress, now: str) -> dict[str, Any]:
    """`status.progress`; `now` is the time stamp of the pass."""
    numbers = {
        "percent": _whole(progress.percent, 100),
        "etaSeconds": _whole(progress.eta_seconds),
        "epoch": progress.epoch,
        "epochs": progress.epochs,
        "rows": progress.rows,
        "totalRows": progress.total_rows,
        "rowsPerSecond": _whole(progress.rows_per_second),
    }
    metrics = [
        {"name": name, "value": f"{value:.6g}"} for name, value in sorted(progress.metrics.items())
    ]
    return {
        "text": _text(progress),
        "step": progress.step,
        **{key: value for key, value in numbers.items() if value is not None},
        **({"metrics": metrics[:_METRICS]} if metrics else {}),
        "lastUpdate": now,
    }


def _text(progress: Progress) -> str:
    percent = _whole(progress.percent, 100)
    eta = _whole(progress.eta_seconds)
    parts = [f"{percent}%" if percent is not None else "", progress.step, _short(eta)]
    return " ".join(part for part in parts if part)


def _whole(value: float | None, most: int | None = None) -> int | None:
    """A count that the API takes: whole, not negative; None for what is no number."""
    if value is None or not math.isfinite(value):
        return None
    number = max(0, round(value))
    return number if most is None else min(number, most)


def _short(seconds: int | None) -> str:
    if seconds is None:
        return ""
    if seconds < _MINUTE:
        return f"{seconds}s"
    return f"{seconds // _MINUTE}m" if seconds < _HOUR else f"{seconds // _HOUR}h"
