"""The /recommend route of the matrix-factorization recipe: user → the N items of highest score, seen ones left out.

The artefact carries, beside the graph, `seen.arrow` (user: string, items: list<int32> into item_ids)
and `popular.json` (item ids by popularity, for users the model has never met).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.model import OnnxModel
from forebay_workloads.serve.tensors import Array

MAX_TOP = 1_000


class Recommender:
    """Scores all items for one user with one matrix-vector product."""

    def __init__(self, model: OnnxModel, files: Mapping[str, bytes]) -> None:
        self._model = model
        fixed = model.run(self._feeds(""), ["item_matrix", "item_ids"])
        self._matrix: Array = fixed["item_matrix"]
        self._ids: list[str] = fixed["item_ids"].tolist()
        self._popular: list[str] = json.loads(files["popular.json"])["items"]
        table = pa.ipc.open_file(pa.BufferReader(files["seen.arrow"])).read_all()
        users: list[str] = table.column("user").to_pylist()
        self._rows = {user: row for row, user in enumerate(users)}
        self._seen = table.column("items").combine_chunks()

    def _feeds(self, user: str) -> dict[str, Array]:
        return {"user": np.array([user], dtype=object), "item": np.array([""], dtype=object)}

    def recommend(self, user: Any, top: Any = 10) -> dict[str, Any]:
        """`{user, known, items: [{item, score, rank}]}`; an unknown user gets the most popular items, best first."""
        if isinstance(user, bool) or not isinstance(user, str | int):
            raise RequestError("must be a string or an integer", "user")
        if isinstance(top, bool) or not isinstance(top, int) or not 1 <= top <= MAX_TOP:
            raise RequestError(f"must be an integer from 1 to {MAX_TOP}", "top")
        row = self._rows.get(str(user))
        items = self._for_unknown(top) if row is None else self._for_known(str(user), row, top)
        return {"user": user, "known": row is not None, "items": items}

    def _for_known(self, user: str, row: int, top: int) -> list[dict[str, Any]]:
        vector = self._model.run(self._feeds(user), ["user_vector"])["user_vector"][0]
        scores = self._matrix @ vector
        scores[self._seen[row].values.to_numpy(zero_copy_only=False)] = -np.inf
        count = min(top, int(np.isfinite(scores).sum()))
        best = np.argpartition(-scores, count - 1)[:count] if count else np.array([], dtype=int)
        best = best[
            np.lexsort((best, -scores[best]))
        ]  # ties in a fixed order: equal requests, equal answers
        return [
            {"rank": rank, "item": self._ids[i], "score": float(scores[i])}
            for rank, i in enumerate(best, 1)
        ]

    def _for_unknown(self, top: int) -> list[dict[str, Any]]:
        items = self._popular[:top]
        feeds = {
            "user": np.array([""] * len(items), dtype=object),
            "item": np.array(items, dtype=object),
        }
        scores = self._model.run(feeds)["rating"].tolist() if items else []
        best = sorted(zip(items, scores, strict=True), key=lambda one: -one[1])
        return [
            {"rank": rank, "item": item, "score": score}
            for rank, (item, score) in enumerate(best, 1)
        ]
