"""The recipe contract: what `train.algorithm` names. One file per recipe, one line in `recipes/__init__.py`.

A recipe is trained by the train stage, measured by the evaluate stage and exported by publish. It never
opens a store and never writes a file: data arrives as Arrow, weights leave as named arrays.
User code (`train.entrypoint`) gives the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import pyarrow as pa

Arrays = Mapping[str, np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Dataset:
    """One part of the prepared data (train, validation, test), readable more than once.

    `batches()` streams it; `rows` is exact. A recipe that needs all of it at once says so by reading it
    into compact arrays itself, column by column.
    """

    name: str
    rows: int
    schema: pa.Schema
    digest: str
    batches: Callable[[], Iterator[pa.RecordBatch]]


@dataclass(frozen=True)
class Data:
    """What a recipe is given. `validation` and `test` may be absent."""

    train: Dataset
    validation: Dataset | None = None
    test: Dataset | None = None


class Context(Protocol):
    """What a recipe may ask of the stage that runs it.

    A training may be shared by `world` processes, of which this one is `rank`; all are given the same data.
    A recipe that can do that says `distributed = True` and takes its part of every batch; another is
    never run in more than one. What follows from a sum over all is then the same everywhere.
    """

    seed: int
    threads: int
    rank: int  # 0 … world - 1; what rank 0 returns is the model
    world: int
    device: str  # "cpu", or torch's name of an accelerator

    def all_reduce(self, array: Any) -> None:
        """Sums a torch tensor or a writable numpy array over all processes, in place. All call it alike."""

    def agree(self, value: Any) -> Any:
        """Rank 0's value, of JSON values, in every process. All call it alike."""

    def report(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> None:
        """Called at the end of an epoch: progress, the curve of the report and the log line."""

    def checkpoint(self, state: Arrays, meta: Mapping[str, Any], *, force: bool = False) -> None:
        """Keeps a resume point (safetensors + JSON, atomic). Cheap to call: obeys `checkpoint.interval`."""

    def restore(self) -> tuple[Arrays, Mapping[str, Any]] | None:
        """The newest whole resume point of this run, or None. Resuming must give the same final weights."""

    def should_stop(self) -> bool:
        """True after SIGTERM: call `checkpoint(force=True)` and raise `Preempted`. All processes call it alike."""


class Preempted(Exception):  # noqa: N818 - an outcome, not an error
    """The stage was asked to stop and has saved its state."""


@dataclass(frozen=True)
class Model:
    """A trained model as plain data: everything that export, evaluation and serving need.

    `arrays` go to safetensors, `meta` to JSON (so JSON values only): together they rebuild the model.
    """

    recipe: str
    arrays: Arrays
    meta: Mapping[str, Any]
    metrics: Mapping[str, float] = field(default_factory=dict)  # on validation, of the chosen epoch


@dataclass(frozen=True)
class Artifact:
    """What publish stores and serve loads: files by name, plus the signature for the model card.

    `files` has `model.onnx` (or `model.safetensors`) and the recipe's own JSON and Arrow files (`items.arrow`).
    """

    files: Mapping[str, bytes]
    signature: Mapping[
        str, Any
    ]  # {"inputs": [{name, dtype, shape}], "outputs": […]}, shape -1 = any, the batch first


class Recipe(Protocol):
    """The functions of a recipe. `params` are strings, as in the spec; the recipe parses and bounds them."""

    name: str
    runtime: str

    def fit(self, data: Data, params: Mapping[str, str], context: Context) -> Model:
        """Trains; raises DataError (EmptyDataset, SchemaMismatch, NonFiniteLoss) or ConfigError."""

    def evaluate(self, model: Model, data: Data, params: Mapping[str, str]) -> dict[str, float]:
        """Metrics on `data.test`, named as in api.md."""

    def export(self, model: Model) -> Artifact:
        """Deterministic: the same model gives the same bytes."""

    def load(self, files: Mapping[str, bytes]) -> Model:
        """The inverse of `export`: rebuilds the model from a published artefact's files."""

    def predict(
        self, model: Model, data: Data, spec: Mapping[str, Any]
    ) -> Iterator[pa.RecordBatch]:
        """The rows of `predict:` (top-N lists, scores), without model_version and scored_at."""

    def key(self, model: Model) -> Sequence[str]:
        """The columns that name a row of `predict`: its upsert key."""
