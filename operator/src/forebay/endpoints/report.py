"""What a stage may say of its progress, read with suspicion: whoever holds the token may send anything. Pure."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

from forebay_workloads.contract import Progress

LIMIT = 16 * 1024  # bytes
_COUNTS = ("rows", "total_rows", "epoch", "epochs")
_NUMBERS = ("percent", "eta_seconds", "rows_per_second")
_MOST = 2**53  # what every reader of JSON still counts exactly
_LARGEST = sys.float_info.max  # a JSON integer may be far larger
_METRICS = 64
_TEXTS = {"reason": 63, "message": 1024}  # characters
_NAME = re.compile(r"[A-Za-z0-9@][-_.@/A-Za-z0-9]{0,62}")


def parse(body: bytes, stage: str) -> Progress:
    """The progress of `stage`. Raises ValueError for anything else."""
    try:
        raw = json.loads(body, parse_constant=_refuse)
    except RecursionError as deep:
        raise ValueError("nested too deeply") from deep
    if not isinstance(raw, dict):
        raise ValueError("not an object")  # noqa: TRY004 - the one error of this reader
    if raw.get("step") != stage:
        raise ValueError("speaks of another stage")
    counts = {name: int(_number(raw[name])) for name in _COUNTS if raw.get(name) is not None}
    numbers = {name: _number(raw[name]) for name in _NUMBERS if raw.get(name) is not None}
    metrics = _metrics(raw.get("metrics") or {})
    known: dict[str, Any] = {**counts, **numbers}
    known |= {name: _text(raw.get(name), limit) for name, limit in _TEXTS.items()}
    return Progress(step=stage, metrics=metrics, **known)


def _refuse(word: str) -> float:
    raise ValueError(f"{word} is no number")


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")  # noqa: TRY004 - as above
    if not 0 <= value <= _MOST:  # false for NaN too
        raise ValueError("out of range")
    return value


def _text(value: Any, limit: int) -> str | None:
    """One printable line; a condition shows it."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("not a text")  # noqa: TRY004 - as above
    return "".join(char if char.isprintable() else " " for char in value[:limit])


def _metrics(raw: Any) -> Mapping[str, float]:
    if not isinstance(raw, dict) or len(raw) > _METRICS:
        raise ValueError("not a set of metrics")
    for name, value in raw.items():
        good = isinstance(value, int | float) and not isinstance(value, bool)
        if not _NAME.fullmatch(name) or not good or not abs(value) <= _LARGEST:
            raise ValueError("not a metric")
    return {name: float(value) for name, value in raw.items()}
