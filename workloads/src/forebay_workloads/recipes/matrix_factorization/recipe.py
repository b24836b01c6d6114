"""The recipe `matrix-factorization`: who rated what how → who will like what. The functions of recipes/base.py.

Params and columns: params.py. Torch is imported when a model is trained and not before, so evaluate, publish
and predict run without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.recipes.base import Artifact, Context, Data, Model
from forebay_workloads.recipes.matrix_factorization import graph, lists
from forebay_workloads.recipes.matrix_factorization.data import (
    Ratings,
    check_trainable,
    concatenated,
    read,
    seen_lists,
)
from forebay_workloads.recipes.matrix_factorization.factors import (
    NAME,
    Factors,
    Matrix,
    from_model,
    popular_items,
)
from forebay_workloads.recipes.matrix_factorization.ids import Ids
from forebay_workloads.recipes.matrix_factorization.metrics import ranking, rating_errors
from forebay_workloads.recipes.matrix_factorization.params import Params, parse

SAMPLE = 1_000  # users that the ranking metrics of each epoch look at
SMALLEST = (
    20  # ratings below which nothing is held out: a slice of one or two would decide by chance
)
MAX_TOP = 1_000


class MatrixFactorization:
    """Biased matrix factorisation; explicit ratings or implicit feedback."""

    name: ClassVar[str] = NAME
    runtime: ClassVar[str] = "pytorch"
    distributed: ClassVar[bool] = True  # several processes compute parts of each step

    def fit(self, data: Data, params: Mapping[str, str], context: Context) -> Model:
        """Trains on `data.train`; see params.py. Pairs of all data sets count as seen, only train's are learned.

        Raises:
            ConfigError: FieldNotSupportedInMode for a param.
            DataError: SchemaMismatch, EmptyDataset, NonFiniteLoss.
            Preempted: asked to stop, after a checkpoint.
        """
        from forebay_workloads.recipes.matrix_factorization import training  # noqa: PLC0415

        used = _settled(parse(params), params, context)
        users, items = Ids(), Ids()
        rated = read(data.train, used, users, items, grow=True)
        check_trainable(rated, data.train)
        learned, held = _held_out(rated, data, used, users, items)
        template = _template(rated, data, used, users, items)

        def measure(user_matrix: Matrix, item_matrix: Matrix) -> dict[str, float]:
            if held is None or not len(held):
                return {}
            model = replace(template, users=user_matrix, items=item_matrix)
            with np.errstate(over="ignore", invalid="ignore"):  # the caller looks for it
                return _metrics(model, held, used, sample=SAMPLE)

        digests = [part.digest for part in (data.train, data.validation, data.test) if part]
        shape = (len(users), len(items))
        return training.train(template, learned, shape, used, context, measure, digests).to_model()

    def evaluate(self, model: Model, data: Data, params: Mapping[str, str]) -> dict[str, float]:
        """`rmse`, `mae` (explicit only), `ndcg_at_10`, `recall_at_10` on `data.test`; params as for fit."""
        factors, used = from_model(model), parse(params)
        if data.test is None or not data.test.rows:
            raise DataError(
                "EmptyDataset", "there is no test data; give preprocess.split a test share above 0"
            )
        test = read(data.test, used, factors.user_ids, factors.item_ids, grow=False)
        if not len(test):
            raise DataError("EmptyDataset", "no row of the test data reaches train.params.relevant")
        return _metrics(factors, test, used)

    def export(self, model: Model) -> Artifact:
        """An ONNX graph and the lists that /recommend needs; see graph.py."""
        return graph.export(from_model(model))

    def load(self, files: Mapping[str, bytes]) -> Model:
        """The model that `export` wrote."""
        return graph.load(files).to_model()

    def predict(
        self, model: Model, data: Data, spec: Mapping[str, Any]
    ) -> Iterator[pa.RecordBatch]:
        """Top-N lists of all users of the model; `spec.top` (10) items each. Key: user and rank."""
        del data  # what users have seen is part of the model
        top = int(spec.get("top", 10))
        if not 1 <= top <= MAX_TOP:
            raise ConfigError("FieldNotSupportedInMode", f"predict.top must be from 1 to {MAX_TOP}")
        return lists.top_lists(from_model(model), top)

    def key(self, model: Model) -> list[str]:
        """The columns that name a row of `predict`."""
        return [str(model.meta["columns"]["user"]), "rank"]


def _settled(params: Params, raw: Mapping[str, str], context: Context) -> Params:
    """The params with what the stage decides where the spec does not."""
    seed = params.seed if "seed" in raw else context.seed
    return replace(params, seed=seed, threads=params.threads or context.threads)


def _held_out(
    rated: Ratings, data: Data, params: Params, users: Ids, items: Ids
) -> tuple[Ratings, Ratings | None]:
    """What is learned from, and what early stopping looks at (None: nothing)."""
    if data.validation is not None and data.validation.rows:
        return rated, read(data.validation, params, users, items, grow=False)
    count = round(len(rated) * params.validation)
    if not count or len(rated) < SMALLEST:
        return rated, None
    order = np.random.default_rng(params.seed).permutation(len(rated))
    return rated.take(np.sort(order[count:])), rated.take(np.sort(order[:count]))


def _template(rated: Ratings, data: Data, params: Params, users: Ids, items: Ids) -> Factors:
    """The model but for its weights."""
    others = [part for part in (data.validation, data.test) if part is not None and part.rows]
    parts = [rated] + [read(p, params, users, items, grow=False).known() for p in others]
    offsets, seen = seen_lists(concatenated(parts), len(users))
    clip = None
    if params.feedback == "explicit":
        clip = [float(rated.values.min()), float(rated.values.max())]
    columns = {"user": params.user, "item": params.item, "rating": params.rating}
    used = {name: value for name, value in params.used().items() if name != "threads"}
    meta = {"feedback": params.feedback, "columns": columns, "clip": clip, "params": used}
    blank = np.empty((0, 0), np.float32)
    popular = popular_items(rated.items, len(items))
    return Factors(blank, blank, users.names, items.names, offsets, seen, popular, meta)


def _metrics(
    model: Factors, test: Ratings, params: Params, sample: int | None = None
) -> dict[str, float]:
    if params.feedback == "implicit":
        return ranking(model, test, None, sample)
    # Without the param, a rating at or above the data's mean is a hit: 4 and 5 of 5 on most scales of five.
    relevant = float(test.values.mean()) if params.relevant is None else params.relevant
    return {**rating_errors(model, test), **ranking(model, test, relevant, sample)}
