"""Top-N lists: for every user that training met, the items of highest score that the user has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from forebay_workloads.errors import ConfigError
from forebay_workloads.recipes.matrix_factorization.factors import Factors
from forebay_workloads.recipes.matrix_factorization.ids import Ints
from forebay_workloads.recipes.matrix_factorization.metrics import SCORES, best, seen_mask

USERS = 4_096  # of one batch at most


def schema(model: Factors) -> pa.Schema:
    """user: string, rank: int32 (from 1), item: string, score: float32; ids named as in the training data.

    Raises:
        ConfigError: NameConflict when a column of ids is called rank or score.
    """
    user, item = model.meta["columns"]["user"], model.meta["columns"]["item"]
    names = [user, "rank", item, "score"]
    if len(set(names)) < len(names):
        raise ConfigError(
            "NameConflict",
            f"predict writes the columns {names}; rename the id columns in preprocess.sql",
        )
    types = [pa.string(), pa.int32(), pa.string(), pa.float32()]
    return pa.schema(list(zip(names, types, strict=True)))


def top_lists(model: Factors, top: int) -> Iterator[pa.RecordBatch]:
    """Batches of whole lists, users in order of their number; a list is shorter where items run out."""
    columns = schema(model)
    users_ids = pa.array(model.user_names, pa.string())
    items_ids = pa.array(model.item_names, pa.string())
    step = max(1, min(USERS, SCORES // max(1, len(items_ids))))
    for start in range(0, len(users_ids), step):
        users = np.arange(start, min(start + step, len(users_ids)), dtype=np.int32)
        rows, ranks, items, scores = _chunk(model, users, top)
        arrays = [
            users_ids.take(pa.array(rows)),
            pa.array(ranks, pa.int32()),
            items_ids.take(pa.array(items)),
            pa.array(scores, pa.float32()),
        ]
        yield pa.record_batch(arrays, schema=columns)


def _chunk(model: Factors, users: Ints, top: int) -> tuple[np.ndarray[Any, Any], ...]:
    scores = model.users[users] @ model.items[: len(model.item_names)].T
    scores[seen_mask(model, users)] = -np.inf
    items = best(scores, top)
    found = np.take_along_axis(scores, items, axis=1)
    there = np.isfinite(found)
    row, rank = np.nonzero(there)
    return users[row], rank + 1, items[there], found[there]
