"""Starting a stage of a run: what must hold before, and the ConfigMap and Job that it is.

Called by run.py for the first stage that is not done and has no Job. `blocked` is an ordered list of
checks; the first that does not hold decides.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from forebay.api.reasons import Reason
from forebay.kube.port import (
    CONFIG_MAP,
    JOB,
    JOB_SET,
    RESOURCE_CLAIM_TEMPLATE,
    SERVICE,
    Obj,
    kind_of,
)
from forebay.manifests.device_claim import is_claimed
from forebay.manifests.job import job_name, stage_config_map
from forebay.manifests.labels import MANAGED_BY, OWNER_NAME, labels_of
from forebay.manifests.names import label_value
from forebay.manifests.stage_document import stage_document, store_names, workspace_name
from forebay.manifests.workload import stage_workload
from forebay.plan import stages
from forebay.plan.capable import lacking
from forebay.plan.conditions import READY, STALLED, condition, is_current, is_true
from forebay.plan.rundraft import SHORT, Draft
from forebay.plan.runview import ACTIVE_DEADLINE, BACKOFF_LIMIT, REPORT_DEADLINE, RunView
from forebay.plan.stages import StageRecord
from forebay_workloads.contract import Stage


@dataclass(frozen=True)
class Block:
    """Why a stage cannot be started; `final` when waiting would not help."""

    reason: str
    message: str
    final: bool = False


def start(draft: Draft, record: StageRecord) -> None:
    """Starts the stage, or records why it waits or cannot be."""
    block = blocked(draft.view, record)
    if block is None or block.reason != Reason.Suspended:
        draft.start = draft.start or draft.now
    if block is None:
        _create(draft, record)
    elif block.final:
        draft.fail(record, block.reason, block.message)
    else:
        if block.reason == Reason.Suspended:
            draft.suspended = block.reason
        draft.wait(record, stages.PENDING, block.reason, block.message)


def blocked(view: RunView, record: StageRecord) -> Block | None:
    """The first thing that stands in the way; None when there is nothing."""
    found = (check(view, record) for check in _CHECKS)
    return next((block for block in found if block is not None), None)


def _suspended(view: RunView, _record: StageRecord) -> Block | None:
    """As with a CronJob: what runs already goes on, nothing new is begun."""
    pipeline = view.pipeline
    if pipeline is None or not pipeline["spec"].get("suspend") or view.status.get("startTime"):
        return None
    name = pipeline["metadata"]["name"]
    return Block(Reason.Suspended, f"pipeline {name} is suspended: set its spec.suspend to false")


def _workspace(view: RunView, _record: StageRecord) -> Block | None:
    if workspace_name(view.spec, view.settings) is None:
        return Block(
            Reason.InvalidSpec, "the spec names no DataStore to hand data over in", final=True
        )
    return None


def _stores(view: RunView, record: StageRecord) -> Block | None:
    """All stores before the first stage: better no training than one whose result cannot be kept."""
    needed = set(view.datastores)
    if any(entry.get("startTime") for entry in view.status.get("stages") or []):
        workspace = workspace_name(view.spec, view.settings)  # unknown here when the plane's own
        needed = {*store_names(view.spec.get(record.name)), *([workspace] if workspace else [])}
    found = (_store(name, store) for name, store in view.datastores.items() if name in needed)
    return next((block for block in found if block is not None), None)


def _store(name: str, store: Obj | None) -> Block | None:
    if store is None:
        return Block(Reason.ReferenceMissing, f"DataStore {name} does not exist")
    if is_true(store):
        return None
    found = condition(store, READY)
    if not found or found.get("status") == "Unknown" or not is_current(store, found):
        return Block(Reason.Pending, f"DataStore {name} has not been probed yet")
    stalled = condition(store, STALLED)
    final = stalled.get("status") == "True" and is_current(store, stalled)
    reason = found.get("reason") or Reason.StoreUnreachable
    return Block(reason, f"DataStore {name}: {found.get('message') or 'not ready'}", final)


def _capable(view: RunView, _record: StageRecord) -> Block | None:
    text = lacking(view.spec, view.datastores)
    return None if text is None else Block(Reason.FieldNotSupportedInMode, text, final=True)


def _optional(view: RunView, record: StageRecord) -> Block | None:
    """Without its API a device cannot be claimed, and without its device the stage must not run."""
    accelerator = (view.spec.get(record.name) or {}).get("accelerator")
    kind = RESOURCE_CLAIM_TEMPLATE
    if not is_claimed(accelerator, view.settings) or kind.api in view.observed.apis:
        return None
    text = (
        f"{record.name}.accelerator.deviceClass needs {kind.api}, which this cluster does not serve"
    )
    return Block(Reason.OptionalCRDMissing, text)


def _names(view: RunView, record: StageRecord) -> Block | None:
    """Nobody else's object has the Job's name. What an earlier run of this name left goes by itself."""
    name = job_name(view.run, record.name)
    for kind in _KINDS:
        taken = view.taken(kind, name)
        if taken is None:
            continue
        labels = labels_of(taken)
        own_name = label_value(view.run["metadata"]["name"])
        if labels.get(MANAGED_BY) == "forebay" and labels.get(OWNER_NAME) == own_name:
            return Block(
                Reason.Pending,
                f"{kind.kind} {name} of an earlier run of this name is being removed",
            )
        return Block(
            Reason.NameConflict,
            f"{kind.kind} {name} exists and is not Forebay's: remove or rename it",
            final=True,
        )
    return None


_KINDS = (CONFIG_MAP, SERVICE, RESOURCE_CLAIM_TEMPLATE, JOB, JOB_SET)  # of a stage's objects
_CHECKS: tuple[Callable[[RunView, StageRecord], Block | None], ...] = (
    _suspended,
    _workspace,
    _optional,
    _names,
    _stores,
    _capable,
)


def _create(draft: Draft, record: StageRecord) -> None:
    """The ConfigMap before the Job that mounts it; what an interrupted pass left is not made again."""
    view = draft.view
    name = job_name(view.run, record.name)
    datastores = {key: store for key, store in view.datastores.items() if store is not None}
    if view.child(CONFIG_MAP, name) is None:
        document = stage_document(
            view.run,
            cast("Stage", record.name),
            datastores,
            view.settings,
            **document_extras(draft, record.name),
        )
        draft.create.append(stage_config_map(view.run, document, view.settings))
    report = record.name == stages.REPORT
    work = stage_workload(
        view.run,
        record.name,
        datastores.values(),
        view.settings,
        deadline=REPORT_DEADLINE
        if report
        else view.policy("activeDeadlineSeconds", ACTIVE_DEADLINE),
        backoff_limit=view.policy("backoffLimit", BACKOFF_LIMIT),
        apis=view.observed.apis,
    )
    draft.create.extend(
        obj for obj in work if view.child(kind_of(obj), obj["metadata"]["name"]) is None
    )
    again = record.start is not None
    note = "its Job was gone, so the stage is run again" if again else "the Job is created"
    draft.update(record, start=record.start or draft.now)
    draft.wait(record, stages.PENDING, Reason.Pending, note)
    draft.soon(SHORT * 5)


def document_extras(draft: Draft, stage: str) -> dict[str, Any]:
    """What only some stages are told."""
    view = draft.view
    if stage == "evaluate":
        return {"baseline": baseline(view)}
    if stage == "predict" and view.own_version is not None:
        version = view.own_version
        return {"model_version": version["metadata"]["name"], "artifact": artifact(version)}
    if stage == stages.REPORT:
        return {"status": report_status(draft), "living": view.living}
    return {}


def baseline(view: RunView) -> Mapping[str, Any] | None:
    """The Production version to compare with; None when there is none."""
    if view.production is None:
        return None
    return {"version": view.production["metadata"]["name"], **artifact(view.production)}


def artifact(version: Obj) -> dict[str, str]:
    """Where a version's artefact lies: store, key, digest."""
    spec = version["spec"]
    return {
        "store": spec["artifact"]["storeRef"]["name"],
        "key": spec["artifact"]["key"],
        "digest": spec["digest"],
    }


def report_status(draft: Draft) -> dict[str, Any]:
    """The run's status as the report shows it."""
    failed = stages.failure(draft.stages)
    known = {
        "phase": stages.FAILED if failed else stages.SUCCEEDED,
        "startTime": draft.start,
        "metrics": draft.metrics,
        "modelVersion": draft.model_version,
        "stages": [r.to_status() for r in draft.stages.values() if r.name != stages.REPORT],
    }
    return {key: value for key, value in known.items() if value}
