"""Implicit feedback: what was touched is preferred, by alternating least squares, in PyTorch.

For each user in turn the best vector for fixed item vectors is solved exactly, then each item's; an item that a
user did not touch counts as 0 with the small weight `alpha`. Regularisation grows with a row's weight. The
only randomness is the start, so a checkpoint is the weights and the number of epochs. Called by the recipe.
Of several processes each solves some of the rows; all get the same vectors that one process would.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from forebay_workloads.recipes.base import Context, Preempted
from forebay_workloads.recipes.matrix_factorization.course import Course, check_finite
from forebay_workloads.recipes.matrix_factorization.data import Ratings
from forebay_workloads.recipes.matrix_factorization.explicit import Measure
from forebay_workloads.recipes.matrix_factorization.factors import Matrix
from forebay_workloads.recipes.matrix_factorization.params import Params

FLOATS = 4_000_000  # numbers gathered at once: 16 MB
NAMES = ("user_factors", "item_factors")
CURE = "raise train.params.l2"

Touches = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]  # offsets and the other side's numbers


class Implicit:
    """One training; the same shape as Explicit."""

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
        self._by_user = _grouped(train.users, train.items, shape[0])
        self._by_item = _grouped(train.items, train.users, shape[1])
        random = torch.Generator().manual_seed(params.seed)
        scale = 0.1 / params.factors**0.5
        self._weights = [
            (torch.randn(rows, params.factors, generator=random) * scale).to(self._device)
            for rows in shape
        ]
        self._best = list(self._weights)
        self.course = Course("ndcg_at_10", params.patience)

    def run(self, mark: str) -> tuple[Matrix, Matrix]:
        """Trains to the end; returns the best epoch's matrices. Raises as Explicit.run does."""
        self._resume(mark)
        while len(self.course.curve) < self._params.epochs and not self.course.ended:
            users = self._solve(self._by_user, self._weights[1], mark)
            self._weights = [users, self._solve(self._by_item, users, mark)]
            loss = self._loss()
            check_finite(loss, len(self.course.curve) + 1, CURE)
            metrics = {"loss": loss, **self._measured()}
            if self.course.note(metrics):
                self._best = list(self._weights)
            self._context.report(len(self.course.curve), self._params.epochs, metrics)
            self._save(mark)
        return self.folded(self._best)

    def _measured(self) -> Mapping[str, float]:
        """Rank 0 looks, and all go by what it saw."""
        found = None if self._context.rank else dict(self._measure(*self.folded(self._weights)))
        metrics: Mapping[str, float] = self._context.agree(found)
        return metrics

    def _solve(self, touches: Touches, other: torch.Tensor, mark: str) -> torch.Tensor:
        """float32[n, d]: for each row the least-squares vector, given the other side's.

        Blocks of rows go round the processes; what others solve is zero here until all are summed.
        """
        rank, world = self._context.rank, self._context.world
        alpha, width = self._params.alpha, other.shape[1]
        everything = alpha * (other.T @ other)
        identity = torch.eye(width, device=self._device)
        counts = np.diff(touches[0])
        solved = torch.zeros(len(counts), width, device=self._device)
        for block, (rows, numbers, mask) in enumerate(_padded(touches, width)):
            if block % world == 0 and self._context.should_stop():
                self._save(mark, force=True)  # the weights of the last whole epoch
                raise Preempted
            if block % world != rank:
                continue
            gathered = other[numbers.to(self._device)] * mask.to(self._device)[:, :, None]
            weight = torch.from_numpy(counts[rows]).to(self._device) + alpha * len(other)
            ridge = (self._params.l2 * weight).to(torch.float32)[:, None, None] * identity
            left = torch.bmm(gathered.transpose(1, 2), gathered) + everything + ridge
            right = gathered.sum(dim=1)
            solved[torch.from_numpy(rows).to(self._device)] = torch.linalg.solve(left, right)
        self._context.all_reduce(solved)
        return solved

    def _loss(self) -> float:
        """The mean squared distance from 1 of the touched pairs."""
        offsets, items = self._by_user
        users, items_ = self._weights
        total, step = 0.0, max(1, FLOATS // users.shape[1])
        owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
        for at in range(0, len(items), step):
            rows = slice(at, at + step)
            left, right = (torch.from_numpy(one[rows]).to(self._device) for one in (owner, items))
            score = (users[left] * items_[right]).sum(dim=1)
            total += float((1 - score).square().sum())
        return total / len(items)

    def folded(self, weights: list[torch.Tensor]) -> tuple[Matrix, Matrix]:
        """users[U+1, d], items[I+1, d]; last rows, of zeros, for unknown ids."""
        users, items = (
            np.vstack([w.cpu().numpy(), np.zeros((1, w.shape[1]), np.float32)]) for w in weights
        )
        return users, items

    def _save(self, mark: str, *, force: bool = False) -> None:
        state = {name: w.cpu().numpy() for name, w in zip(NAMES, self._weights, strict=True)}
        state |= {f"best.{n}": w.cpu().numpy() for n, w in zip(NAMES, self._best, strict=True)}
        self._context.checkpoint(state, {"mark": mark, **self.course.to_meta()}, force=force)

    def _resume(self, mark: str) -> None:
        found = self._context.restore()
        if found is None or found[1].get("mark") != mark:
            return
        state, meta = found
        self._weights = [self._tensor(state[name]) for name in NAMES]
        self._best = [self._tensor(state[f"best.{name}"]) for name in NAMES]
        self.course = Course(
            "ndcg_at_10", self._params.patience, list(meta["curve"]), meta["best_epoch"]
        )

    def _tensor(self, array: np.ndarray[Any, Any]) -> torch.Tensor:
        return torch.from_numpy(np.array(array)).to(self._device)


def _grouped(rows: np.ndarray[Any, Any], others: np.ndarray[Any, Any], count: int) -> Touches:
    order = np.lexsort((others, rows))
    ends = np.cumsum(np.bincount(rows, minlength=count))
    return np.concatenate([[0], ends]), others[order]


def _padded(
    touches: Touches, width: int
) -> Iterator[tuple[np.ndarray[Any, Any], torch.Tensor, torch.Tensor]]:
    """Rows of like length together: (rows[n], the other side's numbers [n, L], mask float32[n, L])."""
    offsets, others = touches
    counts = np.diff(offsets)
    order = np.argsort(-counts, kind="stable")
    order = order[counts[order] > 0]  # what was never touched stays zero
    at = 0
    while at < len(order):
        longest = int(counts[order[at]])
        rows = order[at : at + max(1, FLOATS // (max(longest, width) * width))]
        at += len(rows)
        place = np.arange(longest)
        mask = place < counts[rows, None]
        numbers = others[np.where(mask, offsets[rows, None] + place, 0)]
        yield rows, torch.from_numpy(numbers), torch.from_numpy(mask.astype(np.float32))
