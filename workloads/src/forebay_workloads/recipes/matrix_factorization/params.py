"""The params of matrix factorisation: strings of the spec, parsed and bounded. Pure.

One table says what there is; a param that is not in it, or that means nothing with the chosen feedback, is
refused rather than ignored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from forebay_workloads.errors import ConfigError

Feedback = Literal["explicit", "implicit"]
AUTO = 0  # batch_size "auto"


@dataclass(frozen=True)
class Params:
    """What the recipe was asked to do. Columns first, then the model, then how to train it."""

    user: str = "user"
    item: str = "item"
    rating: str = "rating"  # implicit feedback does not read it
    timestamp: str = (
        "timestamp"  # of repeated ratings the newest counts; optional unless it is named
    )
    feedback: Feedback = "explicit"
    relevant: float | None = (
        None  # ranking metrics: a rating from here on is a hit; None: see data.py
    )
    factors: int = 8  # of each member of the ensemble (implicit: 64 in one model)
    members: int = 16  # models trained side by side on the same batches; their mean is the model
    epochs: int = 16
    lr: float = 0.01  # falls to zero along a cosine over `epochs`
    l2: float = 0.03
    batch_size: int = AUTO  # auto: about 80 steps per epoch, between 32 and 65,536 rows
    optimizer: str = "adam"
    alpha: float = 0.1  # implicit: weight of an item that a user did not touch
    patience: int = 4  # epochs without a better validation metric before training ends
    validation: float = 0.05  # share of train held out where there is no validation data set
    seed: int = 0
    threads: int = 0  # at most; 0: as many as the stage has cores. Small batches keep one busy
    timestamp_named: bool = False

    def used(self) -> dict[str, str]:
        """Every param that took part, as strings: what results and the model card show."""
        names = [name for name in _TABLE if self.feedback in _MODES.get(name, (self.feedback,))]
        return {
            name: _text(name, getattr(self, name))
            for name in names
            if getattr(self, name) is not None
        }


def _text(name: str, value: Any) -> str:
    if name == "batch_size" and value == AUTO:
        return "auto"
    return repr(value) if isinstance(value, float) else str(value)


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"must be from {low} to {high}")
        return value

    return parse


def _real(low: float, high: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(f"must be from {low:g} to {high:g}")
        return value

    return parse


def _one_of(*values: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in values:
            raise ValueError(f"must be one of {', '.join(values)}")
        return text

    return parse


def _column(text: str) -> str:
    if not text:
        raise ValueError("must name a column")
    return text


def _batch(text: str) -> int:
    return AUTO if text == "auto" else _whole(1, 1_000_000)(text)


_TABLE: Mapping[str, Callable[[str], Any]] = {
    "user": _column,
    "item": _column,
    "rating": _column,
    "timestamp": _column,
    "feedback": _one_of("explicit", "implicit"),
    "relevant": _real(-1e9, 1e9),
    "factors": _whole(1, 512),
    "members": _whole(1, 64),
    "epochs": _whole(1, 10_000),
    "lr": _real(1e-7, 10.0),
    "l2": _real(0.0, 1_000.0),
    "batch_size": _batch,
    "optimizer": _one_of("adam", "adagrad", "sgd"),
    "alpha": _real(1e-6, 1.0),
    "patience": _whole(1, 10_000),
    "validation": _real(0.0, 0.5),
    "seed": _whole(0, 2**31 - 1),
    "threads": _whole(0, 256),
}
_MODES: Mapping[str, tuple[str, ...]] = {
    "members": ("explicit",),
    "lr": ("explicit",),
    "batch_size": ("explicit",),
    "optimizer": ("explicit",),
    "alpha": ("implicit",),
}
_IMPLICIT = {"factors": 64, "epochs": 16, "members": 1}  # other defaults than Params


def parse(raw: Mapping[str, str]) -> Params:
    """The params of a spec.

    Raises:
        ConfigError: FieldNotSupportedInMode naming the param, its value and what would be accepted.
    """
    feedback = _value("feedback", raw.get("feedback", "explicit"))
    for name in raw:
        if name not in _TABLE:
            _refuse(name, f"is unknown (known: {', '.join(sorted(_TABLE))})")
        if feedback not in _MODES.get(name, (feedback,)):
            _refuse(name, f"means nothing with feedback: {feedback}")
    values: dict[str, Any] = dict(_IMPLICIT) if feedback == "implicit" else {}
    values.update({name: _value(name, text) for name, text in raw.items()})
    params = Params(**values, timestamp_named="timestamp" in raw)
    columns = [params.user, params.item, params.rating]
    if len(set(columns)) < len(columns):
        _refuse("user", f"item and rating must be three columns, not {columns}")
    return params


def _value(name: str, text: str) -> Any:
    try:
        return _TABLE[name](str(text).strip())
    except ValueError as error:
        _refuse(name, f"is {text!r}: {error}")


def _refuse(name: str, why: str) -> Any:
    raise ConfigError("FieldNotSupportedInMode", f"train.params.{name} {why}")
