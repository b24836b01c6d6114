"""The deploy stage of a run: stage labels of the model's versions, then waiting until the new one serves.

It has no Job: the ModelDeployment's own plan rolls the version out, because its label said so. Called by
run.py.
"""

from __future__ import annotations

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.manifests.labels import ARCHIVED, PRODUCTION, STAGE, STAGING, annotations_of, labels_of
from forebay.manifests.modelversion import REPLACED_BY, staged, version_number
from forebay.plan import stages
from forebay.plan.conditions import READY, STALLED, condition, is_current, is_true
from forebay.plan.rundraft import Draft
from forebay.plan.stages import StageRecord
from forebay.plan.times import seconds_since

MANUAL = "Manual"
_HEARING = 10.0  # seconds for a ModelDeployment to notice a label


def step(draft: Draft, record: StageRecord) -> None:
    """One pass over the stage: ends it, or leaves it waiting."""
    draft.update(record, start=record.start or draft.now)
    version = draft.view.own_version
    if version is None:
        draft.fail(record, Reason.ReferenceMissing, f"ModelVersion {draft.model_version} is gone")
    elif draft.view.spec["deploy"].get("policy", "Immediate") == MANUAL:
        _mark(draft, version, STAGING)
        draft.succeed(
            record, f"{_name(version)} is marked {STAGING}; promote it by its label {STAGE}"
        )
    elif newer := _newer_production(draft, version):
        draft.skip(record, f"{_name(newer)} is newer and in production already")
    else:
        _roll_out(draft, record, version)


def _name(version: Obj) -> str:
    return str(version["metadata"]["name"])


def _mark(draft: Draft, version: Obj, stage: str, *, replaced_by: str | None = None) -> None:
    if labels_of(version).get(STAGE) != stage:
        draft.apply.append(staged(version, stage, replaced_by=replaced_by))


def _newer_production(draft: Draft, version: Obj) -> Obj | None:
    """Two runs of one model must not take the label from each other for ever: the higher number wins."""
    mine = version_number(version)
    for other in draft.view.versions:
        if labels_of(other).get(STAGE) == PRODUCTION and version_number(other) > mine:
            return other
    return None


def _roll_out(draft: Draft, record: StageRecord, version: Obj) -> None:
    target = draft.view.deployment
    problem = _unfit(draft, target)
    if problem is not None:
        draft.fail(record, *problem)
        return
    _promote(draft, version)
    if target is None:
        ref = draft.view.spec["deploy"]["deploymentRef"]["name"]
        text = f"ModelDeployment {ref} does not exist"
        draft.wait(record, stages.PENDING, Reason.ReferenceMissing, text)
        return
    _await(draft, record, version, target)


def _unfit(draft: Draft, target: Obj | None) -> tuple[str, str] | None:
    """A deployment that will never serve what this run publishes."""
    if target is None:
        return None
    name, model = target["metadata"]["name"], target["spec"]["model"]
    if model["name"] != draft.view.spec["publish"]["model"]:
        said = f"serves model {model['name']}, this run published {draft.view.spec['publish']['model']}"
        return Reason.ReferenceMissing, f"ModelDeployment {name} {said}"
    if model.get("version") or model.get("stage", PRODUCTION) != PRODUCTION:
        fixed = model.get("version") or f"stage {model['stage']}"
        cure = "set its spec.model.stage to Production, or policy Manual here"
        return Reason.InvalidSpec, f"ModelDeployment {name} is fixed to {fixed}: {cure}"
    return None


def _promote(draft: Draft, version: Obj) -> None:
    """The new one first: there is never a moment without a Production version."""
    _mark(draft, version, PRODUCTION)
    for other in draft.view.versions:
        if other is not version and labels_of(other).get(STAGE) == PRODUCTION:
            _mark(draft, other, ARCHIVED, replaced_by=_name(version))


def _await(draft: Draft, record: StageRecord, version: Obj, target: Obj) -> None:
    status = target.get("status") or {}
    stable = (status.get("stable") or {}).get("version")
    found = condition(target, READY)
    if stable == _name(version) and is_true(target):
        draft.succeed(record, f"{status.get('url') or target['metadata']['name']} serves {stable}")
        return
    coming = (status.get("canary") or {}).get("version") or stable
    stalled = condition(target, STALLED)
    if coming == _name(version) and stalled.get("status") == "True" and is_current(target, stalled):
        draft.fail(record, stalled.get("reason") or Reason.ProbeFailed, stalled.get("message", ""))
        return
    early = _HEARING - seconds_since(record.start or draft.now, draft.view.observed.now)
    if coming != _name(version) and early > 0:
        found = {}  # what it says is of the time before the label
        draft.soon(early)
    reason = found.get("reason") or Reason.Progressing
    text = (
        found.get("message")
        or f"waiting for {target['metadata']['name']} to serve {_name(version)}"
    )
    draft.wait(
        record,
        stages.RUNNING,
        reason if found.get("status") == "False" else Reason.Progressing,
        text,
    )


def restore(draft: Draft) -> None:
    """After a deploy that failed the version before it is Production again. Safe to repeat."""
    failed = draft.stages[stages.DEPLOY]
    version = draft.view.own_version
    if failed.state != stages.FAILED or version is None:
        return
    before = [
        v for v in draft.view.versions if annotations_of(v).get(REPLACED_BY) == _name(version)
    ]
    for old in before[-1:]:  # it keeps its annotation: an interrupted pass must find it again
        _mark(draft, old, PRODUCTION, replaced_by=_name(version))
    if before and labels_of(version).get(STAGE) == PRODUCTION:
        draft.apply.append(staged(version, ARCHIVED))
