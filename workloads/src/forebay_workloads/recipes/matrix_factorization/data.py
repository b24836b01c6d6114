"""Ratings as compact arrays: 12 bytes per row, read batch by batch. Called by the recipe for each data set.

Of a pair (user, item) that was rated more than once the newest rating counts: by the timestamp column where
there is one, else the last in the data set's order. Nothing here knows torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay_workloads.errors import DataError
from forebay_workloads.recipes.base import Dataset
from forebay_workloads.recipes.matrix_factorization import columns
from forebay_workloads.recipes.matrix_factorization.columns import Faults, Floats
from forebay_workloads.recipes.matrix_factorization.ids import UNKNOWN, Ids, Ints
from forebay_workloads.recipes.matrix_factorization.params import Params


@dataclass(frozen=True)
class Ratings:
    """Parallel arrays of n ratings; numbers are those of the Ids they were read with (UNKNOWN: not there)."""

    users: Ints  # int32[n]
    items: Ints  # int32[n]
    values: Floats  # float32[n]; all ones for implicit feedback

    def __len__(self) -> int:
        return len(self.users)

    def take(self, rows: np.ndarray[Any, Any]) -> Ratings:
        """The ratings at these rows (indices or mask)."""
        return Ratings(self.users[rows], self.items[rows], self.values[rows])

    def known(self) -> Ratings:
        """Those of users and items that the model knows."""
        return self.take((self.users != UNKNOWN) & (self.items != UNKNOWN))


def read(dataset: Dataset, params: Params, users: Ids, items: Ids, *, grow: bool) -> Ratings:
    """All ratings of a data set; `grow` gives numbers to ids not met before.

    Raises:
        DataError: SchemaMismatch for a missing column, a missing id or a rating that is no finite number.
    """
    names = _wanted(dataset, params)
    out_users, out_items = np.empty(dataset.rows, np.int32), np.empty(dataset.rows, np.int32)
    values = np.ones(dataset.rows, np.float32)
    times = np.empty(dataset.rows, np.float64) if "timestamp" in names else None
    faults, start = Faults(dataset.name), 0
    for batch in dataset.batches():
        rows = slice(start, start + batch.num_rows)
        out_users[rows] = users.number(
            columns.strings(batch, names["user"], faults, start), grow=grow
        )
        out_items[rows] = items.number(
            columns.strings(batch, names["item"], faults, start), grow=grow
        )
        if "rating" in names:
            values[rows] = columns.numbers(batch, names["rating"], faults, start)
        if times is not None:
            times[rows] = columns.times(batch, names["timestamp"], faults, start)
        start = rows.stop
    faults.check()
    return _prepared(Ratings(out_users, out_items, values), times, params)


def check_trainable(ratings: Ratings, dataset: Dataset) -> None:
    """DataError EmptyDataset when there is nothing to learn from: no rows, one user or one item only."""
    if not len(ratings):
        _too_little(dataset, "has no usable rows", "check ingest.from and preprocess")
    for what, numbers in (("user", ratings.users), ("item", ratings.items)):
        if numbers.min() == numbers.max():
            _too_little(
                dataset,
                f"knows one {what} only",
                f"factorisation compares at least two; check train.params.{what}",
            )


def _wanted(dataset: Dataset, params: Params) -> dict[str, str]:
    names = {"user": params.user, "item": params.item}
    if params.feedback == "explicit" or params.relevant is not None:
        names["rating"] = params.rating
    if params.timestamp_named or params.timestamp in dataset.schema.names:
        names["timestamp"] = params.timestamp
    for param, column in names.items():
        columns.require(dataset, column, param)
    return names


def _prepared(ratings: Ratings, times: Floats | None, params: Params) -> Ratings:
    """Repeated pairs once; for implicit feedback, only the rows that count as a touch."""
    if params.feedback == "implicit":
        if params.relevant is not None:
            ratings = ratings.take(ratings.values >= params.relevant)
            times = None  # which of several touches counts makes no difference
        ratings = Ratings(ratings.users, ratings.items, np.ones(len(ratings), np.float32))
        times = None
    return ratings.take(_newest(ratings, times))


def _newest(ratings: Ratings, times: Floats | None) -> np.ndarray[Any, Any]:
    """The rows to keep, in their order. Pairs with an unknown id are told apart by their row alone."""
    width = int(ratings.items.max(initial=0)) + 2  # UNKNOWN takes a place of its own
    pairs = ratings.users.astype(np.int64) * width + (ratings.items + 1)
    order = np.argsort(pairs, kind="stable") if times is None else np.lexsort((times, pairs))
    ordered = pairs[order]
    last = np.ones(len(order), bool)
    last[:-1] = ordered[1:] != ordered[:-1]
    keep = np.zeros(len(order), bool)
    keep[order[last]] = True
    keep |= (ratings.users == UNKNOWN) | (ratings.items == UNKNOWN)
    return keep


def _too_little(dataset: Dataset, what: str, cure: str) -> None:
    raise DataError("EmptyDataset", f"data set {dataset.name} {what} ({dataset.rows} rows); {cure}")


def seen_lists(ratings: Ratings, users: int) -> tuple[np.ndarray[Any, Any], Ints]:
    """Per user the sorted items: int64[users+1] offsets and int32 items (compressed rows)."""
    order = np.lexsort((ratings.items, ratings.users))
    counts = np.bincount(ratings.users, minlength=users)
    return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64), ratings.items[order]


def concatenated(parts: list[Ratings]) -> Ratings:
    """Several ratings as one."""
    return Ratings(
        np.concatenate([p.users for p in parts]),
        np.concatenate([p.items for p in parts]),
        np.concatenate([p.values for p in parts]),
    )
