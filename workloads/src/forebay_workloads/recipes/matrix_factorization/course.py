"""The course of a training: the metrics of each epoch, which epoch was best, and when to end. Pure.

Used by explicit.py and implicit.py. It is part of every checkpoint, as JSON values.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from forebay_workloads.errors import DataError
from forebay_workloads.recipes.matrix_factorization.params import Params

RISING = ("ndcg_at_10", "recall_at_10")  # larger is better


@dataclass
class Course:
    """`metric` is what early stopping watches; without validation data it is absent and the last epoch wins."""

    metric: str
    patience: int
    curve: list[dict[str, Any]] = field(default_factory=list)  # [{"epoch": 1, "metrics": {…}}, …]
    best_epoch: int = 0  # counted from 1; 0: none yet

    def note(self, metrics: Mapping[str, float]) -> bool:
        """Adds an epoch; True when it is the best so far, so its weights are worth keeping."""
        self.curve.append({"epoch": len(self.curve) + 1, "metrics": dict(metrics)})
        if self.best_epoch and not self._better(metrics, self.best):
            return False
        self.best_epoch = len(self.curve)
        return True

    def _better(self, new: Mapping[str, float], old: Mapping[str, float]) -> bool:
        if self.metric not in new:
            return True
        sign = 1.0 if self.metric in RISING else -1.0
        return sign * new[self.metric] > sign * old[self.metric]

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the best epoch."""
        metrics: Mapping[str, float] = self.curve[self.best_epoch - 1]["metrics"]
        return metrics

    @property
    def ended(self) -> bool:
        """True when `patience` epochs brought nothing better."""
        return len(self.curve) - self.best_epoch >= self.patience

    def to_meta(self) -> dict[str, Any]:
        """JSON values; the constructor takes them back."""
        return {"curve": self.curve, "best_epoch": self.best_epoch}


def check_finite(loss: float, epoch: int, cure: str) -> None:
    """DataError NonFiniteLoss when training has left the numbers behind."""
    if not math.isfinite(loss):
        raise DataError("NonFiniteLoss", f"the loss is {loss} in epoch {epoch}; {cure}")


def fingerprint(params: Params, digests: list[str]) -> str:
    """What a checkpoint must match to be resumed: the same params and the same data."""
    used = {name: value for name, value in params.used().items() if name != "threads"}
    text = json.dumps([used, digests], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
