"""The plan of a NoSQLPipeline: which run to start, which old ones to remove, and how it all stands. Pure.

A run that exists is planned by run.py; here only runs as a whole are made, replaced and removed.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from forebay.api.reasons import Reason
from forebay.kube.port import RUN, Obj, Ref
from forebay.manifests.ingest_deployment import is_stream
from forebay.manifests.labels import is_child_of, is_paused
from forebay.manifests.run import pipeline_run
from forebay.plan import pipelinestatus, retention
from forebay.plan.announce import changes
from forebay.plan.schedule import Due, ScheduleError
from forebay.plan.streaming import INGESTING, Streaming, makes_runs, streaming
from forebay.plan.times import stamp
from forebay.plan.trigger import (
    SCHEDULE,
    Handled,
    Wish,
    mark,
    schedule_due,
    settle,
    wish_name,
    wishes,
)
from forebay.plan.types import Event, Observed, Plan
from forebay.settings import Settings

HISTORY = {"Succeeded": 3, "Failed": 1}  # as the API defaults the limits
SHORT = 1.0  # seconds
LONG = 300.0  # seconds; everything that matters wakes the pipeline by an event


@dataclass
class Draft:
    """The pipeline's new state while it is planned."""

    observed: Observed
    settings: Settings
    runs: list[Obj]  # oldest first
    handled: Handled
    create: list[Obj] = field(default_factory=list)
    delete: list[Ref] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    schedule: Due | None = None
    problem: tuple[str, str] | None = None  # a reason and a message that need somebody's change
    held: tuple[str, str] | None = None  # why a wished run is not started yet
    stream: Streaming | None = None  # how its ingest of a stream stands
    spared: bool = False  # a run may go once this pass has written down how it ended

    @property
    def active(self) -> list[Obj]:
        """Runs that are not finished."""
        return [run for run in self.runs if retention.run_phase(run) not in retention.FINISHED]


def plan(observed: Observed, settings: Settings) -> Plan:
    """What to do about the pipeline now.

    One without any status gets that first and its run in the next pass: of many that come at once, each soon says
    that it was seen.
    """
    pipeline = observed.object
    if pipeline["metadata"].get("deletionTimestamp"):
        return Plan()
    runs = [c for c in observed.children if c["kind"] == RUN.kind and is_child_of(c, pipeline)]
    last = (pipeline.get("status") or {}).get("lastRun") or {}
    runs.sort(key=lambda run: retention.age_key(run, last.get("name")))
    draft = Draft(observed, settings, runs, Handled.of(pipeline.get("status") or {}))
    if not is_paused(pipeline):
        draft.stream = streaming(observed, settings)
        _start(draft)
        _prune(draft)
    if draft.create and not pipeline.get("status"):
        return Plan(status=pipelinestatus.accepted(draft), requeue_after=0.0)
    stream = draft.stream or Streaming()
    status = pipelinestatus.status(draft)
    if is_stream(pipeline):
        draft.events.extend(changes(pipeline, status["conditions"], INGESTING))
    return Plan(
        create=tuple(draft.create),
        apply=stream.apply,
        delete=(*draft.delete, *stream.delete),
        status=status,
        events=tuple(draft.events),
        requeue_after=_requeue(draft),
    )


def _start(draft: Draft) -> None:
    """Starts at most one run in a pass; what else is wished follows in the next."""
    wished = _wished(draft)
    draft.handled = settle(draft.observed.object, draft.handled, draft.runs, wished)
    wished = _wished(draft)
    if not wished or _held(draft, wished[0]):
        return
    wish = wished[0]
    pipeline = draft.observed.object
    taken = draft.observed.related.get(_run_ref(pipeline, wish))
    if taken is not None and not is_child_of(taken, pipeline):
        text = (
            f"PipelineRun {wish_name(pipeline, wish)} exists and is not of this pipeline: remove it"
        )
        draft.problem = (Reason.NameConflict, text)
        return
    _make(draft, wish)


def _run_ref(pipeline: Obj, wish: Wish) -> Ref:
    namespace = pipeline["metadata"].get("namespace", "default")
    return Ref(RUN, namespace, wish_name(pipeline, wish))


def _make(draft: Draft, wish: Wish) -> None:
    pipeline = draft.observed.object
    run = pipeline_run(pipeline, wish.type, wish.key, draft.settings)
    draft.create.append(run)
    draft.handled = mark(pipeline, draft.handled, wish)
    if pipeline["spec"].get("concurrencyPolicy", "Forbid") == "Replace":
        draft.delete.extend(Ref.of(old) for old in draft.active)
    text = f"run {run['metadata']['name']} by {wish.type} {wish.key}"
    draft.events.append(Event("Normal", Reason.Triggered, text))


def _wished(draft: Draft) -> list[Wish]:
    if not makes_runs(draft.observed.object):
        return []
    try:
        draft.schedule = schedule_due(draft.observed)
    except ScheduleError as error:
        draft.problem = (Reason.InvalidSpec, str(error))
        return wishes(draft.observed, draft.handled, None)
    found = wishes(draft.observed, draft.handled, draft.schedule)
    if draft.schedule is not None and draft.schedule.missed is not None:
        _pass_over(draft, stamp(draft.schedule.missed))
    done = draft.handled.keys.get(SCHEDULE)
    return [wish for wish in found if wish != Wish(SCHEDULE, done or "")]


def _pass_over(draft: Draft, missed: str) -> None:
    if draft.handled.keys.get(SCHEDULE) == missed:
        return
    draft.handled = draft.handled.with_key(SCHEDULE, missed)
    late = draft.observed.object["spec"].get("startingDeadlineSeconds")
    text = f"the start of {missed} is passed over: it is more than {late} seconds late"
    draft.events.append(Event("Warning", Reason.DeadlineExceeded, text))


def _held(draft: Draft, wish: Wish) -> bool:
    """Whether a wished run has to wait; batch/v1's meaning of `suspend` and `concurrencyPolicy`."""
    spec = draft.observed.object["spec"]
    if spec.get("suspend"):
        draft.held = (Reason.Suspended, Reason.Suspended.sentence)
    elif draft.active and spec.get("concurrencyPolicy", "Forbid") == "Forbid":
        name = draft.active[-1]["metadata"]["name"]
        draft.held = (
            Reason.Queued,
            f"the run by {wish.type} {wish.key} starts when {name} is finished",
        )
    return draft.held is not None


def _prune(draft: Draft) -> None:
    """History limits. A run goes once status.lastRun tells its end, which also keeps it from being made again."""
    pipeline = draft.observed.object
    surplus = retention.surplus_runs(
        draft.runs,
        int(pipeline["spec"].get("successfulRunsHistoryLimit", HISTORY["Succeeded"])),
        int(pipeline["spec"].get("failedRunsHistoryLimit", HISTORY["Failed"])),
    )
    told = {Ref.of(run) for run in draft.runs if retention.is_recorded(run, pipeline)}
    draft.delete.extend(ref for ref in surplus if ref in told)
    draft.spared = not told.issuperset(surplus)


def _requeue(draft: Draft) -> float:
    if draft.spared:
        return SHORT
    if draft.schedule is None or draft.schedule.next is None:
        return LONG
    left = (draft.schedule.next - draft.observed.now).total_seconds()
    return min(LONG, max(left, 1.0))
