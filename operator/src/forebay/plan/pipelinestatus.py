"""The status of a NoSQLPipeline: its last run, its conditions, its progress. Called by pipeline.py."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from forebay.api.reasons import Reason
from forebay.kube.port import DATASTORE, Obj, Ref
from forebay.manifests.ingest_deployment import is_stream
from forebay.manifests.labels import is_paused
from forebay.manifests.stage_document import store_names
from forebay.plan import optional, retention
from forebay.plan.conditions import READY, RECONCILING, WARNING, Conditions, condition, is_true
from forebay.plan.streaming import INGESTING, Streaming, makes_runs
from forebay.plan.times import stamp
from forebay.plan.trigger import SCHEDULE

if TYPE_CHECKING:
    from forebay.plan.pipeline import Draft

STORES, SCHEMA = "StoresReachable", "SchemaCompatible"
_ACTIVE = 64  # names of active runs that the API takes


def status(draft: Draft) -> dict[str, Any]:
    """The whole new status."""
    pipeline = draft.observed.object
    conditions = _conditions(draft)
    last = _last_run(draft)
    newest = draft.active[-1] if draft.active else None
    known = {
        "observedGeneration": pipeline["metadata"].get("generation", 1),
        "phase": _phase(draft, conditions),
        "conditions": conditions.items(),
        "lastRun": last,
        "modelVersion": _model_version(draft),
        "active": [run["metadata"]["name"] for run in draft.active][-_ACTIVE:],
        "progress": (newest.get("status") or {}).get("progress") if newest else None,
        "lastScheduleTime": draft.handled.keys.get(SCHEDULE),
        "nextScheduleTime": stamp(draft.schedule.next)
        if draft.schedule and draft.schedule.next
        else None,
        "triggers": draft.handled.to_status(),
        "ingest": _ingest(draft),
    }
    return {key: value for key, value in known.items() if value not in (None, [], {})}


def accepted(draft: Draft) -> dict[str, Any]:
    """The status of a pipeline that was seen for the first time and whose run is not made yet."""
    pipeline = draft.observed.object
    conditions = Conditions(pipeline, (STORES, SCHEMA, INGESTING, WARNING), draft.observed.now)
    conditions.reconciling(Reason.Pending, "its run is about to be made", ready=None)
    return {
        "observedGeneration": pipeline["metadata"].get("generation", 1),
        "phase": "Pending",
        "conditions": conditions.items(),
    }


def _ingest(draft: Draft) -> Mapping[str, Any] | None:
    """Of a stream; as it was while the pipeline is left alone. It goes with the last child."""
    if draft.stream is not None:
        return draft.stream.ingest or ({"rows": 0} if draft.stream.apply else None)
    before: Mapping[str, Any] | None = (draft.observed.object.get("status") or {}).get("ingest")
    return before if is_paused(draft.observed.object) else None


def _last_run(draft: Draft) -> Mapping[str, Any] | None:
    """The newest run, also the one made in this pass; as it was recorded when it is gone."""
    if draft.create:
        return _run_summary(draft.create[-1])
    if draft.runs:
        return _run_summary(draft.runs[-1])
    before: Mapping[str, Any] | None = (draft.observed.object.get("status") or {}).get("lastRun")
    return before


def _model_version(draft: Draft) -> str | None:
    """What the newest run that published something published; runs go, this stays."""
    for run in reversed(draft.runs):
        if version := (run.get("status") or {}).get("modelVersion"):
            return str(version)
    before: str | None = (draft.observed.object.get("status") or {}).get("modelVersion")
    return before


def _run_summary(run: Obj) -> dict[str, Any]:
    status, trigger = run.get("status") or {}, run["spec"].get("trigger") or {}
    summary = {
        "name": run["metadata"]["name"],
        "uid": run["metadata"].get("uid"),
        "key": trigger.get("key"),
        "trigger": trigger.get("type"),
        "phase": retention.run_phase(run),
        "reason": condition(run, READY).get("reason"),
        "modelVersion": status.get("modelVersion"),
        "startTime": status.get("startTime"),
        "completionTime": status.get("completionTime"),
    }
    return {key: value for key, value in summary.items() if value}


def _phase(draft: Draft, conditions: Conditions) -> str:
    found = {c["type"]: c for c in conditions.items()}
    if found[READY]["reason"] in (Reason.Suspended, Reason.ReconcilePaused):
        return "Suspended"
    if draft.active or draft.create:
        return "Running"
    if found["Stalled"]["status"] == "True":
        return "Failed"
    return "Ready" if found[READY]["status"] == "True" else "Pending"


def _conditions(draft: Draft) -> Conditions:
    types = (STORES, SCHEMA, INGESTING, WARNING)
    conditions = Conditions(draft.observed.object, types, draft.observed.now)
    _stores(draft, conditions)
    _schema(draft, conditions)
    _ingesting(draft, conditions)
    spec, apis = draft.observed.object["spec"], draft.observed.apis
    conditions.warn(*optional.warning("NoSQLPipeline", spec, draft.settings.plane, apis))
    _summary(draft, conditions)
    return conditions


def _summary(draft: Draft, conditions: Conditions) -> None:
    """The first that holds decides. A pipeline is Ready while its last finished run was good."""
    pipeline = draft.observed.object
    good, why, text = _last_result(draft)
    if is_paused(pipeline):
        conditions.set(READY, good, Reason.ReconcilePaused, Reason.ReconcilePaused.sentence)
        conditions.set(RECONCILING, False, Reason.ReconcilePaused)
    elif draft.problem is not None:
        conditions.stalled(*draft.problem)
    elif draft.active or draft.create:
        name = (draft.create or draft.active)[-1]["metadata"]["name"]
        found = _active_ready(draft)
        reason = Reason.Running if good else found.get("reason") or Reason.Progressing
        hindered = found.get("message") if found.get("status") == "False" else None
        said = f"run {name}: {hindered}" if hindered else f"run {name} is active"
        if draft.held is not None:
            said = f"{said}; {draft.held[1]}"
        conditions.reconciling(reason, said, ready=good)
    elif draft.held is not None:
        conditions.ready(*draft.held)
    elif good is False:
        conditions.stalled(why, text)
    elif pipeline["spec"].get("suspend"):
        conditions.ready(Reason.Suspended, Reason.Suspended.sentence)
    elif draft.stream is not None and draft.stream.apply and not draft.stream.running:
        conditions.reconciling(draft.stream.reason, draft.stream.message)
    elif not makes_runs(pipeline) and draft.stream is not None:
        _stream_ready(draft.stream, conditions)
    elif good:
        conditions.ready(Reason.Ready, text)
    else:
        conditions.ready(Reason.NoRunYet, _next_text(draft))


def _stream_ready(stream: Streaming, conditions: Conditions) -> None:
    """A pipeline that only ingests is as ready as its stream."""
    if stream.running:
        conditions.ready(stream.reason, stream.message)
    else:
        conditions.reconciling(stream.reason, stream.message)


def _last_result(draft: Draft) -> tuple[bool | None, str, str]:
    """Whether the newest finished run was good (None: there was none), with reason and message."""
    for run in reversed(draft.runs):
        phase = retention.run_phase(run)
        if phase in retention.FINISHED:
            found = condition(run, READY)
            text = f"run {run['metadata']['name']}: {found.get('message', '')}"
            return phase == "Succeeded", found.get("reason") or phase, text
    last = (draft.observed.object.get("status") or {}).get("lastRun") or {}
    if last.get("phase") in retention.FINISHED:
        good = last["phase"] == "Succeeded"
        return good, last.get("reason") or last["phase"], f"run {last['name']}"
    return None, Reason.NoRunYet, ""


def _active_ready(draft: Draft) -> Mapping[str, Any]:
    """What the newest active run says of itself, so that one look at the pipeline shows what it waits for."""
    return condition(draft.active[-1], READY) if draft.active and not draft.create else {}


def _next_text(draft: Draft) -> str:
    if draft.schedule is not None and draft.schedule.next is not None:
        return f"the first run starts at {stamp(draft.schedule.next)}"
    return Reason.NoRunYet.sentence


def _stores(draft: Draft, conditions: Conditions) -> None:
    pipeline = draft.observed.object
    namespace = pipeline["metadata"].get("namespace", "default")
    unknown = False
    for name in store_names(pipeline["spec"]):
        store = draft.observed.related.get(Ref(DATASTORE, namespace, name))
        if store is None:
            conditions.set(
                STORES, False, Reason.ReferenceMissing, f"DataStore {name} does not exist"
            )
            return
        found = condition(store, READY)
        if found.get("status") == "False":
            text = f"DataStore {name}: {found.get('message', '')}"
            conditions.set(STORES, False, found.get("reason") or Reason.StoreUnreachable, text)
            return
        unknown = unknown or not is_true(store)
    if unknown:
        conditions.set(STORES, None, Reason.Pending, "not all DataStores have been probed yet")
    else:
        conditions.set(STORES, True, Reason.Reachable)


def _schema(draft: Draft, conditions: Conditions) -> None:
    """As the newest finished run found it: a stage that reads data checks its columns."""
    good, why, text = _last_result(draft)
    if good:
        conditions.set(SCHEMA, True, Reason.Succeeded)
    elif why == Reason.SchemaMismatch:
        conditions.set(SCHEMA, False, why, text)


def _ingesting(draft: Draft, conditions: Conditions) -> None:
    if is_stream(draft.observed.object):
        if draft.stream is not None:
            one = draft.stream
            conditions.set(INGESTING, one.running, one.reason, one.message)
        return
    for run in draft.active:
        for stage in (run.get("status") or {}).get("stages") or []:
            if stage["name"] == "ingest" and stage["state"] in ("Running", "Retrying"):
                conditions.set(INGESTING, True, stage.get("reason") or Reason.Running)
                return
    conditions.set(INGESTING, False, Reason.Pending if draft.active else Reason.Ready)
