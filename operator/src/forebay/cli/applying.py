"""Puts loaded objects into the plane and says what that changed. Called by `run.py` only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from forebay.cli import kinds
from forebay.cli.loader import Loaded
from forebay.kube.port import PIPELINE, Kube, Obj, Ref

MANAGER = "forebay-cli"  # owns the fields of the files, never those of the reconciler
RUN_ANNOTATION = "forebay.dev/run"  # a new value asks for one more run


@dataclass(frozen=True)
class Applied:
    """An object as it is after it was applied."""

    ref: Ref
    obj: Obj
    change: Literal["created", "configured", "unchanged"]
    spec_changed: bool
    key: str | None = None  # of the further run that was asked for

    def __str__(self) -> str:
        return f"{kinds.full_name(self.ref.kind)}/{self.ref.name} {self.change}"


async def apply(kube: Kube, loaded: Sequence[Loaded], *, key: str, again: bool) -> list[Applied]:
    """Applies the objects in order; `key` names the further run that `again`, or a failed last run, asks for."""
    return [await _apply_one(kube, item, key=key, again=again) for item in loaded]


async def _apply_one(kube: Kube, item: Loaded, *, key: str, again: bool) -> Applied:
    before = await kube.get(item.ref)
    wants_run = item.ref.kind == PIPELINE and before is not None
    if wants_run and before is not None:
        _keep_run_annotation(item.obj, before)
    after = await kube.apply(item.obj, manager=MANAGER)
    spec_changed = before is None or _generation(before) != _generation(after)
    asked = None
    if wants_run and (again or (not spec_changed and last_run_failed(after))):
        asked = key
        item.obj["metadata"].setdefault("annotations", {})[RUN_ANNOTATION] = key
        after = await kube.apply(item.obj, manager=MANAGER)
    return Applied(item.ref, after, _change(before, after), spec_changed, asked)


def _keep_run_annotation(obj: Obj, before: Obj) -> None:
    """What asked for an earlier run stays: left out, the apply would take it away."""
    value = (before["metadata"].get("annotations") or {}).get(RUN_ANNOTATION)
    if value is not None:
        obj["metadata"].setdefault("annotations", {}).setdefault(RUN_ANNOTATION, value)


def last_run_failed(pipeline: Obj) -> bool:
    """Whether the pipeline's newest run is over and failed."""
    status = pipeline.get("status") or {}
    return (status.get("lastRun") or {}).get("phase") == "Failed" and not status.get("active")


def _generation(obj: Obj) -> int:
    return int(obj["metadata"].get("generation") or 0)


def _change(before: Obj | None, after: Obj) -> Literal["created", "configured", "unchanged"]:
    if before is None:
        return "created"
    same = _generation(before) == _generation(after) and all(
        before["metadata"].get(key) == after["metadata"].get(key)
        for key in ("labels", "annotations")
    )
    return "unchanged" if same else "configured"
