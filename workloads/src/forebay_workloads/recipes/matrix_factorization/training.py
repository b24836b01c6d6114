"""Runs one training in PyTorch: settles batch size and threads, picks the algorithm. Called by the recipe's fit.

The operations used have one order of summation for a given number of threads, so the same seed and threads
give the same bits (a test holds that).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch

from forebay_workloads.recipes.base import Context
from forebay_workloads.recipes.matrix_factorization.course import fingerprint
from forebay_workloads.recipes.matrix_factorization.data import Ratings
from forebay_workloads.recipes.matrix_factorization.explicit import Explicit, Measure
from forebay_workloads.recipes.matrix_factorization.factors import Factors
from forebay_workloads.recipes.matrix_factorization.implicit import Implicit
from forebay_workloads.recipes.matrix_factorization.params import AUTO, Params

STEPS = 80  # of an epoch, where the batch size is `auto`
SMALLEST_BATCH, LARGEST_BATCH = 32, 65_536  # rows
THREAD_WORK = 250_000  # numbers of one step that keep a thread busy: below, handing out costs more than it saves


def train(
    template: Factors,
    learned: Ratings,
    shape: tuple[int, int],
    params: Params,
    context: Context,
    measure: Measure,
    digests: list[str],
) -> Factors:
    """The template with the best epoch's weights, the curve and its metrics."""
    if params.batch_size == AUTO:
        rows = min(LARGEST_BATCH, max(SMALLEST_BATCH, len(learned) // STEPS))
        params = replace(params, batch_size=rows)
    kind = Explicit if params.feedback == "explicit" else Implicit
    with _threaded(_threads(params)):
        training = kind(learned, shape, params, context, measure)
        users, items = training.run(fingerprint(params, digests))
    course = training.course
    meta = {**template.meta, "best_epoch": course.best_epoch, "curve": course.curve}
    return replace(template, users=users, items=items, meta=meta, metrics=dict(course.best))


def _threads(params: Params) -> int:
    """As many as asked for or there are, but no more than the work of one step keeps busy."""
    if params.feedback == "implicit":
        return max(1, params.threads)
    step = params.batch_size * params.members * params.factors
    return max(1, min(params.threads, step // THREAD_WORK))


@contextmanager
def _threaded(threads: int) -> Iterator[None]:
    """A setting of the whole process, put back afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
