"""Metrics of ratings and of rankings, in NumPy and in chunks of bounded memory. Pure.

Ranking: for every user with at least one relevant item in the test data, all items but those seen are
ranked by score. An item of the test data that training never met counts as a miss, a user that training
never met is left out (such users are served the popular items).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forebay_workloads.recipes.matrix_factorization.data import Ratings
from forebay_workloads.recipes.matrix_factorization.factors import Factors
from forebay_workloads.recipes.matrix_factorization.ids import UNKNOWN, Ints

TOP = 10
SCORES = 4_000_000  # scores in memory at once: 16 MB and two masks of 4 MB


def rating_errors(model: Factors, test: Ratings) -> dict[str, float]:
    """`rmse` and `mae` over all rows; unknown ids are predicted from what is known of the other side."""
    wrong = model.predict(test.users, test.items).astype(np.float64) - test.values
    return {"rmse": float(np.sqrt(np.mean(wrong**2))), "mae": float(np.mean(np.abs(wrong)))}


def ranking(
    model: Factors, test: Ratings, relevant: float | None, sample: int | None = None
) -> dict[str, float]:
    """`ndcg_at_10` and `recall_at_10`, means over users; {} when no user has a relevant item.

    `relevant` is the rating from which on a row is a hit (None: every row). `sample` takes that many
    users at most, the same ones each time.
    """
    test = test.take(test.users != UNKNOWN)
    hit = np.ones(len(test), bool) if relevant is None else test.values >= relevant
    users = np.unique(test.users[hit])
    if sample is not None and len(users) > sample:
        users = np.sort(np.random.default_rng(0).choice(users, sample, replace=False))
    step = max(1, SCORES // max(1, len(model.item_names)))
    parts = [_chunk(model, test, hit, users[at : at + step]) for at in range(0, len(users), step)]
    if not parts:
        return {}
    ndcg, recall = np.concatenate(parts, axis=1)
    return {f"ndcg_at_{TOP}": float(ndcg.mean()), f"recall_at_{TOP}": float(recall.mean())}


def _chunk(
    model: Factors, test: Ratings, hit: np.ndarray[Any, Any], users: Ints
) -> np.ndarray[Any, Any]:
    """float64[2, len(users)]: NDCG and recall of each user."""
    count = len(model.item_names)
    row_of = np.full(len(model.user_names), UNKNOWN, np.int64)
    row_of[users] = np.arange(len(users))
    mine = row_of[test.users] != UNKNOWN
    rows, items, hits = row_of[test.users[mine]], test.items[mine], hit[mine]
    known = items != UNKNOWN
    hidden = seen_mask(model, users)
    hidden[rows[known], items[known]] = False  # what is asked about may be answered
    wanted = np.zeros((len(users), count), bool)
    wanted[rows[known & hits], items[known & hits]] = True
    scores = model.users[users] @ model.items[:count].T
    scores[hidden] = -np.inf
    found = np.take_along_axis(wanted, best(scores, TOP), axis=1)
    relevant = np.bincount(rows[hits], minlength=len(users))
    return np.stack([_ndcg(found, relevant), found.sum(axis=1) / relevant])


def _ndcg(found: np.ndarray[Any, Any], relevant: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    gain = 1.0 / np.log2(np.arange(2, found.shape[1] + 2))
    ideal = np.concatenate([[0.0], np.cumsum(gain)])[np.minimum(relevant, found.shape[1])]
    result: np.ndarray[Any, Any] = (found * gain).sum(axis=1) / ideal
    return result


def seen_mask(model: Factors, users: Ints) -> np.ndarray[Any, Any]:
    """bool[len(users), I]: the items that each user has seen."""
    starts, ends = model.seen_offsets[users], model.seen_offsets[users + 1]
    counts = ends - starts
    rows = np.repeat(np.arange(len(users)), counts)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
    mask = np.zeros((len(users), len(model.item_names)), bool)
    mask[rows, model.seen_items[np.repeat(starts, counts) + within]] = True
    return mask


def best(scores: np.ndarray[Any, Any], top: int) -> np.ndarray[Any, Any]:
    """int64[n, min(top, I)]: columns by falling score; equal scores in order of the column."""
    top = min(top, scores.shape[1])
    part = np.sort(np.argpartition(-scores, top - 1, axis=1)[:, :top], axis=1)
    order = np.argsort(-np.take_along_axis(scores, part, axis=1), axis=1, kind="stable")
    return np.take_along_axis(part, order, axis=1)
