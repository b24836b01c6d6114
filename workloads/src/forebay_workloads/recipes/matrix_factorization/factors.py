"""The trained model as two matrices: score(user, item) = users[user] · items[item].

Biases and the mean are folded into two extra columns, an ensemble's members lie side by side, so scoring,
export and serving need one product and know nothing of how it was trained. The last row of each
matrix stands for an id not met in training: such a user gets the mean and the item's bias.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from forebay_workloads.recipes.base import Model
from forebay_workloads.recipes.matrix_factorization.ids import Ids, Ints, pack, unpack

NAME = "matrix-factorization"
POPULAR = 1_000  # items offered to a user without history
Matrix = np.ndarray[Any, np.dtype[np.float32]]


@dataclass(frozen=True)
class Factors:
    """users float32[U+1, d], items float32[I+1, d]; `seen` per user as compressed rows; `popular` items first."""

    users: Matrix
    items: Matrix
    user_names: list[str]
    item_names: list[str]
    seen_offsets: np.ndarray[Any, Any]  # int64[U+1]
    seen_items: Ints
    popular: Ints
    meta: Mapping[
        str, Any
    ]  # columns, feedback, clip ([low, high] or None), relevant, params, best_epoch, curve
    metrics: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def user_ids(self) -> Ids:
        """The users' table of numbers."""
        return Ids(self.user_names)

    @cached_property
    def item_ids(self) -> Ids:
        """The items' table of numbers."""
        return Ids(self.item_names)

    def predict(self, users: Ints, items: Ints) -> Matrix:
        """float32[N] for pairs of numbers; UNKNOWN (-1) picks the last row, which is made for it."""
        step, out = 65_536, np.empty(len(users), np.float32)
        for start in range(0, len(users), step):
            rows = slice(start, start + step)
            np.einsum("ij,ij->i", self.users[users[rows]], self.items[items[rows]], out=out[rows])
        clip = self.meta["clip"]
        return out if clip is None else out.clip(*clip)

    def to_model(self) -> Model:
        """As plain arrays and JSON values."""
        user_text, user_offsets = pack(self.user_names)
        item_text, item_offsets = pack(self.item_names)
        arrays = {
            "users": self.users,
            "items": self.items,
            "user_text": user_text,
            "user_offsets": user_offsets,
            "item_text": item_text,
            "item_offsets": item_offsets,
            "seen_offsets": self.seen_offsets,
            "seen_items": self.seen_items,
            "popular": self.popular,
        }
        return Model(NAME, arrays, self.meta, self.metrics)


def from_model(model: Model) -> Factors:
    """The inverse of `Factors.to_model`."""
    a = model.arrays
    return Factors(
        a["users"],
        a["items"],
        unpack(a["user_text"], a["user_offsets"]),
        unpack(a["item_text"], a["item_offsets"]),
        a["seen_offsets"],
        a["seen_items"],
        a["popular"],
        model.meta,
        model.metrics,
    )


def popular_items(items: Ints, count: int) -> Ints:
    """The most touched items, most first, ties in order of their number."""
    touches = np.bincount(items, minlength=count)
    return np.lexsort((np.arange(count), -touches))[:POPULAR].astype(np.int32)
