"""Which run a pipeline has to start now, if any: change of spec, annotation, schedule. Pure.

Called by pipeline.py. A trigger has a key; equal keys give equal run names, and keys that were handled are
kept in the pipeline's status, so neither a repeated pass nor a run that is gone starts a second one.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.labels import RUN_REQUEST, annotations_of
from forebay.manifests.names import hex_hash, run_name
from forebay.plan.schedule import Due, due
from forebay.plan.times import parse, stamp
from forebay.plan.types import Observed

SPEC, ANNOTATION, SCHEDULE = "spec", "annotation", "schedule"
KEY_LIMIT = 200  # characters of an annotation's value that make a key; longer ones are hashed
_NOT_A_CHANGE = frozenset(
    {
        "suspend",
        "schedule",
        "timeZone",
        "concurrencyPolicy",
        "startingDeadlineSeconds",
        "successfulRunsHistoryLimit",
        "failedRunsHistoryLimit",
        "triggers",
        "runPolicy",
    }
)


@dataclass(frozen=True)
class Wish:
    """A run that has to be started: `type` and `key` of its trigger."""

    type: str
    key: str


@dataclass(frozen=True)
class Handled:
    """Keys that were handled, by trigger type; as kept in status.triggers under `.<type>`."""

    keys: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, status: Mapping[str, Any]) -> Handled:
        """As the status has it."""
        return cls(
            {
                t["name"][1:]: t["key"]
                for t in status.get("triggers") or []
                if t["name"].startswith(".")
            }
        )

    def with_key(self, trigger: str, key: str) -> Handled:
        """With one more key handled."""
        return Handled({**self.keys, trigger: key})

    def to_status(self) -> list[dict[str, str]]:
        """As the status keeps it. The dot keeps these names apart from those of the spec's triggers."""
        return [{"name": f".{name}", "key": key} for name, key in sorted(self.keys.items())]


def spec_key(pipeline: Obj) -> str:
    """`<generation>.<hash>` of what a run would be made of."""
    return f"{pipeline['metadata'].get('generation', 1)}.{spec_digest(pipeline['spec'])}"


def spec_digest(spec: Mapping[str, Any]) -> str:
    """A hash of the part of a pipeline's spec that makes a run what it is."""
    made_of = {k: v for k, v in spec.items() if k not in _NOT_A_CHANGE}
    return hex_hash(json.dumps(made_of, sort_keys=True, separators=(",", ":")))


def schedule_due(observed: Observed) -> Due | None:
    """The schedule's state; None without a schedule. Raises ScheduleError."""
    pipeline = observed.object
    spec, status = pipeline["spec"], pipeline.get("status") or {}
    if not spec.get("schedule"):
        return None
    handled = Handled.of(status).keys.get(SCHEDULE)
    since = parse(handled or pipeline["metadata"]["creationTimestamp"])
    late = spec.get("startingDeadlineSeconds")
    return due(spec["schedule"], spec.get("timeZone"), since, observed.now, late)


def wishes(observed: Observed, handled: Handled, schedule: Due | None) -> list[Wish]:
    """Runs to start, the most explicit first. One that exists or was handled is not among them."""
    pipeline = observed.object
    found = [
        _annotation(pipeline, handled),
        Wish(SCHEDULE, stamp(schedule.start)) if schedule is not None and schedule.start else None,
        _spec(pipeline, handled),
    ]
    return [wish for wish in found if wish is not None]


def _annotation(pipeline: Obj, handled: Handled) -> Wish | None:
    value = annotations_of(pipeline).get(RUN_REQUEST)
    if not value:
        return None
    key = value if len(value) <= KEY_LIMIT else hex_hash(value, length=32)
    return None if handled.keys.get(ANNOTATION) == key else Wish(ANNOTATION, key)


def _spec(pipeline: Obj, handled: Handled) -> Wish | None:
    """Without schedule and triggers a change of the spec starts a run.

    The generation alone would also count a change of `suspend`; the hash alone would miss a change that
    is taken back, and would start every pipeline again when an upgrade adds a default.
    """
    if pipeline["spec"].get("schedule") or pipeline["spec"].get("triggers"):
        return None
    key = spec_key(pipeline)
    generation, _, digest = key.partition(".")
    before, _, known = handled.keys.get(SPEC, "").partition(".")
    if generation == before or digest == known:
        return None
    return Wish(SPEC, generation)


def wish_name(pipeline: Obj, wish: Wish) -> str:
    """The name of the run that a wish asks for."""
    meta = pipeline["metadata"]
    return run_name(meta["name"], meta["uid"], f"{wish.type}/{wish.key}")


def settle(pipeline: Obj, handled: Handled, runs: Sequence[Obj], wished: Sequence[Wish]) -> Handled:
    """Marks wishes whose run is there already: an interrupted pass made it, perhaps of an older spec."""
    by_name = {run["metadata"]["name"]: run for run in runs}
    for wish in wished:
        run = by_name.get(wish_name(pipeline, wish))
        if run is None:
            continue
        if wish.type == SPEC or spec_digest(run["spec"]["template"]) == spec_digest(
            pipeline["spec"]
        ):
            handled = mark(pipeline, handled, wish)
            continue
        handled = handled.with_key(wish.type, wish.key)
    return handled


def mark(pipeline: Obj, handled: Handled, wish: Wish) -> Handled:
    """Marks a wish as handled. Every run is made of the present spec, so a change of it is handled too."""
    return handled.with_key(wish.type, wish.key).with_key(SPEC, spec_key(pipeline))
