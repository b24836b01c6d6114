"""Explicit ratings: biased matrix factorisation by stochastic gradient descent, in PyTorch.

An ensemble of small models (`members` times `factors`) is trained side by side on the same batches; they start
apart, so their mean errs less than one large model would, and it is still one product of two vectors. Ratings
are scaled to mean 0 and deviation 1 first, so lr and l2 mean the same on any scale. Called by the recipe.

Everything random in an epoch comes from (seed, epoch): a checkpoint is weights, optimiser state and a place.
Of several processes each computes its part of every batch; the gradients are summed, so all hold the same weights and
take the steps that one process would take.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from forebay_workloads.recipes.base import Context, Preempted
from forebay_workloads.recipes.matrix_factorization.course import Course, check_finite
from forebay_workloads.recipes.matrix_factorization.data import Ratings
from forebay_workloads.recipes.matrix_factorization.factors import Matrix
from forebay_workloads.recipes.matrix_factorization.optimizers import OPTIMIZERS
from forebay_workloads.recipes.matrix_factorization.params import Params

INIT = 0.05  # standard deviation of the factors at the start
NAMES = ("user_factors", "item_factors", "user_bias", "item_bias")
# Ratings' worth of belief that a factor or bias is 0, so that what was rarely rated does not stand out.
FACTOR_PRIOR = 2.0
BIAS_PRIOR = 5.0
CHECKPOINT_STEPS = 200  # steps between two offers of a checkpoint inside an epoch
STOP_STEPS = (
    16  # steps between two looks at whether to stop, where several processes share the work
)
CURE = "lower train.params.lr or raise l2"

Measure = Callable[[Matrix, Matrix], Mapping[str, float]]


@dataclass(frozen=True)
class Scale:
    """How ratings become the numbers that are trained on: (rating - mean) / deviation."""

    mean: float
    deviation: float

    @classmethod
    def of(cls, values: np.ndarray[Any, Any]) -> Scale:
        """The scale of these ratings; a deviation of 0 (all equal) counts as 1."""
        return cls(float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64)) or 1.0)


class Explicit:
    """One training. `measure` takes folded matrices and gives validation metrics ({} without validation)."""

    def __init__(
        self,
        train: Ratings,
        shape: tuple[int, int],
        params: Params,
        context: Context,
        measure: Measure,
    ) -> None:
        self._params, self._context, self._measure = params, context, measure
        self._device = context.device
        self._scale = Scale.of(train.values)
        self._users = torch.from_numpy(train.users).to(self._device)
        self._items = torch.from_numpy(train.items).to(self._device)
        scaled = (train.values - self._scale.mean) / self._scale.deviation
        self._values = torch.from_numpy(scaled.astype(np.float32))[:, None].to(self._device)
        sides = zip((self._users, self._items), shape, strict=True)
        self._shares = [
            1 / torch.bincount(rows, minlength=n).clamp(min=1)[:, None] for rows, n in sides
        ]
        self._steps = math.ceil(len(train) / params.batch_size)
        self._weights = self._initial(shape)
        self._optimizer = OPTIMIZERS[params.optimizer](self._weights)
        self._best = [w.clone() for w in self._weights]
        self._place = {"epoch": 0, "step": 0, "loss": 0.0}
        self.course = Course("rmse", params.patience)

    def _initial(self, shape: tuple[int, int]) -> list[torch.Tensor]:
        random = torch.Generator().manual_seed(self._params.seed)
        width = self._params.members * self._params.factors
        factors = [torch.randn(rows, width, generator=random) * INIT for rows in shape]
        biases = [torch.zeros(rows, 1) for rows in shape]
        return [weight.to(self._device) for weight in (*factors, *biases)]

    def run(self, mark: str) -> tuple[Matrix, Matrix]:
        """Trains to the end; returns the best epoch's folded matrices. `mark` names the data and params.

        Raises:
            DataError: NonFiniteLoss.
            Preempted: asked to stop, after a checkpoint.
        """
        self._resume(mark)
        while self._place["epoch"] < self._params.epochs and not self.course.ended:
            loss = self._epoch(mark)
            metrics = {"loss": loss, **self._measured()}
            check_finite(metrics.get("rmse", loss), int(self._place["epoch"]) + 1, CURE)
            if self.course.note(metrics):
                self._best = [w.clone() for w in self._weights]
            self._place = {"epoch": self._place["epoch"] + 1, "step": 0, "loss": 0.0}
            self._context.report(int(self._place["epoch"]), self._params.epochs, metrics)
            self._save(mark)
        return self.folded(self._best)

    def _measured(self) -> Mapping[str, float]:
        """Rank 0 looks, and all go by what it saw."""
        found = None if self._context.rank else dict(self._measure(*self.folded(self._weights)))
        metrics: Mapping[str, float] = self._context.agree(found)
        return metrics

    def _epoch(self, mark: str) -> float:
        epoch, size = int(self._place["epoch"]), self._params.batch_size
        random = torch.Generator().manual_seed(self._params.seed + (epoch + 1) * 2**31)
        order = torch.randperm(len(self._users), generator=random)
        while (step := int(self._place["step"])) < self._steps:
            if self._may_stop(step) and self._context.should_stop():
                self._save(mark, force=True)
                raise Preempted
            rows = order[step * size : (step + 1) * size]
            rate, count = self._rate(epoch, step), epoch * self._steps + step + 1
            self._place["loss"] += self._step(rows.to(self._device), rate, count)
            self._place["step"] = step + 1
            check_finite(self._place["loss"], epoch + 1, CURE)
            if not (step + 1) % CHECKPOINT_STEPS:
                self._save(mark)
        return self._place["loss"] / len(self._users)

    def _may_stop(self, step: int) -> bool:
        """Several processes have to agree on it, which takes as long as a small step."""
        return self._context.world == 1 or step % STOP_STEPS == 0

    def _rate(self, epoch: int, step: int) -> float:
        """The learning rate: from lr to zero along a cosine."""
        done = (epoch + step / self._steps) / self._params.epochs
        return self._params.lr * 0.5 * (1 + math.cos(math.pi * done))

    def _step(self, rows: torch.Tensor, rate: float, count: int) -> float:
        """One batch; returns its sum of squared errors of the ensemble's mean, on the scaled ratings."""
        rank, world = self._context.rank, self._context.world
        dense, loss = self._gradients(rows[rank::world], len(rows))
        if world > 1:
            *dense, total = self._summed([*dense, torch.tensor([loss], device=self._device)])
            loss = float(total)
        self._optimizer.step(dense, rate, count)
        return loss

    def _summed(self, parts: list[torch.Tensor]) -> list[torch.Tensor]:
        """The sums over all processes, in one call."""
        flat = torch.cat([part.flatten() for part in parts])
        self._context.all_reduce(flat)
        pieces = torch.split(flat, [part.numel() for part in parts])
        return [piece.view(part.shape) for piece, part in zip(pieces, parts, strict=True)]

    def _gradients(self, rows: torch.Tensor, many: int) -> tuple[list[torch.Tensor], float]:
        """What these ratings of a batch of `many` add to its gradient, and to its sum of squared errors.

        The loss per rating: every member's squared error, L2 on its factors, and priors that fade with
        the number of a row's ratings. Its gradient is short enough to be written down.
        """
        members = self._params.members
        users, items = self._users[rows], self._items[rows]
        p, q = self._weights[0][users], self._weights[1][items]
        b, c = self._weights[2][users], self._weights[3][items]
        r, s = self._shares[0][users], self._shares[1][items]
        products = (p * q).view(len(rows), members, self._params.factors)
        error = products.sum(dim=2) + (b + c - self._values[rows])
        spread = error.repeat_interleave(self._params.factors, dim=1)
        total = error.sum(dim=1, keepdim=True)
        gradients = (
            torch.addcmul(spread * q, p, self._params.l2 + FACTOR_PRIOR * r),
            torch.addcmul(spread * p, q, self._params.l2 + FACTOR_PRIOR * s),
            torch.addcmul(total, b, members * BIAS_PRIOR * r),
            torch.addcmul(total, c, members * BIAS_PRIOR * s),
        )
        dense = [
            torch.ops.aten.embedding_dense_backward(
                gradient.mul_(2.0 / many), numbers, len(weight), -1, False
            )
            for weight, gradient, numbers in zip(
                self._weights, gradients, (users, items) * 2, strict=True
            )
        ]
        return dense, float(error.mean(dim=1).square().sum())

    def folded(self, weights: list[torch.Tensor]) -> tuple[Matrix, Matrix]:
        """users[U+1, d+2], items[I+1, d+2] whose product is the rating; last rows for unknown ids."""
        p, q, b, c = (
            np.vstack([w.cpu().numpy(), np.zeros((1, w.shape[1]), np.float32)]) for w in weights
        )
        spread = self._scale.deviation
        ones_p, ones_q = np.ones_like(b), np.ones_like(c)
        users = np.hstack(
            [p * (spread / self._params.members), b * spread + self._scale.mean, ones_p]
        )
        items = np.hstack([q, ones_q, c * spread])
        return users.astype(np.float32), items.astype(np.float32)

    def _save(self, mark: str, *, force: bool = False) -> None:
        state = {name: w.cpu().numpy() for name, w in zip(NAMES, self._weights, strict=True)}
        state |= {f"best.{n}": w.cpu().numpy() for n, w in zip(NAMES, self._best, strict=True)}
        for slot, tensors in self._optimizer.slots.items():
            state |= {f"{slot}.{n}": t.cpu().numpy() for n, t in zip(NAMES, tensors, strict=True)}
        meta = {"mark": mark, "place": dict(self._place), **self.course.to_meta()}
        self._context.checkpoint(state, meta, force=force)

    def _resume(self, mark: str) -> None:
        found = self._context.restore()
        if found is None or found[1].get("mark") != mark:
            return
        state, meta = found
        for index, name in enumerate(NAMES):
            self._weights[index].copy_(_tensor(state[name]))
            self._best[index].copy_(_tensor(state[f"best.{name}"]))
            for slot, tensors in self._optimizer.slots.items():
                tensors[index].copy_(_tensor(state[f"{slot}.{name}"]))
        self._place = dict(meta["place"])
        self.course = Course("rmse", self._params.patience, list(meta["curve"]), meta["best_epoch"])


def _tensor(array: np.ndarray[Any, Any]) -> torch.Tensor:
    return torch.from_numpy(np.array(array))  # a copy: a checkpoint's bytes are read-only
