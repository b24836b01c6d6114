"""What the report stage knows about a run: the stages' results, the status so far, the spec.

Made by `report.run`, read by `sections`. Anything may be missing: a failed run has no later results, and a
damaged document is a note in the report, never the end of it.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from forebay_workloads import contract
from forebay_workloads.contract import StageDocument
from forebay_workloads.errors import DataError
from forebay_workloads.stage import Stage

LIBRARIES = ("forebay-workloads", "duckdb", "pyarrow", "torch", "scikit-learn", "onnxruntime")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Facts:
    """Everything that the sections are made of."""

    doc: StageDocument
    results: Mapping[str, Json] = field(default_factory=dict)  # by stage; only those that were read
    notes: Sequence[str] = ()  # documents that could not be read

    def result(self, stage: str) -> Json:
        """The stage's results document, or an empty one."""
        return block(self.results.get(stage))

    @property
    def status(self) -> Json:
        """The run's status as the control plane last knew it."""
        return block(self.doc.status)

    @property
    def spec(self) -> Json:
        """The run's copy of the pipeline's spec."""
        return self.doc.spec

    @property
    def stages(self) -> list[Json]:
        """The stages of the status that are objects, in order."""
        return rows_of(self.status.get("stages"))

    @property
    def failed(self) -> Json | None:
        """The stage that failed the run, or None."""
        return next((one for one in self.stages if one.get("state") == "Failed"), None)


def gather(stage: Stage) -> Facts:
    """Reads the results of all stages of this run."""
    results: dict[str, Json] = {}
    notes: list[str] = []
    for name in contract.STAGES:
        try:
            found = stage.workspace.read_json(f"results/{name}")
        except DataError as error:
            notes.append(f"The results of {name} cannot be read: {error.message}")
            continue
        if isinstance(found, Mapping):
            results[name] = found
    return Facts(stage.doc, results, notes)


def block(value: Any) -> Json:
    """The value when it is an object, else an empty one: documents of another version do no harm."""
    return value if isinstance(value, Mapping) else {}


def rows_of(value: Any) -> list[Json]:
    """The objects of a list; of an object of objects each one with its key as `name`."""
    if isinstance(value, Mapping):
        return [{"name": key, **one} for key, one in value.items() if isinstance(one, Mapping)]
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [one for one in value if isinstance(one, Mapping)]
    return []


def seconds_between(start: Any, end: Any) -> float | None:
    """Seconds from one ISO time to another, or None when one is missing or no time."""
    try:
        span = datetime.fromisoformat(str(end)) - datetime.fromisoformat(str(start))
    except (ValueError, TypeError):
        return None
    return max(0.0, span.total_seconds())


def code_versions() -> dict[str, str]:
    """Versions of our code and of the libraries that shaped the outcome, as they are in this image."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue  # an image without it
    return found
