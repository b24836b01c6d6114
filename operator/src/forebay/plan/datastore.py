"""Plan of a DataStore: try whether it can be reached with its credentials, and say so in conditions.

A probe is a Job of one attempt. Its result goes into the status; then the Job goes. A failed probe is
repeated after as long as the store has been failing (which doubles the wait), a good one at settings' interval.
A changed spec or Secret has another key and is probed at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, get_args

from forebay.api.reasons import Reason
from forebay.kube.port import Obj, Ref
from forebay.manifests.claim import claim_object, claim_of, claim_ref
from forebay.manifests.labels import is_paused
from forebay.manifests.probe_job import DEADLINE, probe_config_map, probe_job, probe_key, probe_name
from forebay.manifests.stores import secret_names
from forebay.plan import jobstate, refusal
from forebay.plan.announce import changes
from forebay.plan.conditions import READY, WARNING, Conditions, condition, is_true
from forebay.plan.jobstate import JobState
from forebay.plan.paused import paused
from forebay.plan.secrets import missing_secret, secret_versions
from forebay.plan.times import seconds_since
from forebay.plan.types import Observed, Plan
from forebay.plan.unsupported import unsupported
from forebay.settings import Settings
from forebay_workloads.contract import Capability, Pin

REACHABLE, AUTHENTICATED = "Reachable", "Authenticated"
TYPES = (REACHABLE, AUTHENTICATED, WARNING)
BACKOFF_BASE, BACKOFF_CAP = 5.0, 300.0  # seconds between probes of a store that fails
_LOOK_AGAIN = 5.0  # seconds: a Secret's appearance is not watched everywhere
_ROTATION = 60.0  # seconds between two looks at the versions of a store's Secrets, which are not watched either
_CLEAN_UP = (
    1.0  # seconds until a recorded Job is taken away, should its own status write not wake us
)
_ABOUT_CREDENTIALS = frozenset({Reason.StoreAuthFailed, Reason.SecretMissing})
_ABOUT_PODS = frozenset(
    {
        Reason.Unschedulable,
        Reason.QuotaPending,
        Reason.Forbidden,
        Reason.ImagePullFailed,
        Reason.ReferenceMissing,
        Reason.SecretMissing,
    }
)
_ABOUT_SPEC = frozenset({Reason.FieldNotSupportedInMode, Reason.InvalidSpec})


def plan(observed: Observed, settings: Settings) -> Plan:
    """What to do for a DataStore now."""
    store = observed.object
    if store["metadata"].get("deletionTimestamp"):
        return Plan()
    if is_paused(store):
        return paused(observed, TYPES)
    conditions = Conditions(store, TYPES, observed.now)
    ignored = unsupported("DataStore", store["spec"], settings.plane)
    conditions.warn(Reason.FieldNotSupportedInMode, ignored)
    if (problem := missing_secret(store, observed)) is not None:
        conditions.set(AUTHENTICATED, None, Reason.SecretMissing, problem)
        conditions.reconciling(Reason.SecretMissing, problem)
        return _written(observed, conditions, {}, requeue_after=_LOOK_AGAIN)
    key = probe_key(store, secret_versions(store, observed))
    stale = _stale(observed, probe_name(store, key))
    job = _child(observed, "Job", probe_name(store, key))
    if job is None:
        return _without_job(observed, settings, conditions, key, stale)
    return _with_job(observed, settings, conditions, key, stale, job)


def _without_job(
    observed: Observed, settings: Settings, conditions: Conditions, key: str, stale: tuple[Ref, ...]
) -> Plan:
    """Waits until the next probe is due, or starts it. Created, not applied: a Job cannot be changed."""
    store = observed.object
    status = store.get("status") or {}
    known = status.get("probeKey") == key
    if known:
        wait = _interval(store, settings) - seconds_since(status.get("lastProbeTime"), observed.now)
        if wait > 0:
            look = min(wait, _ROTATION) if secret_names(store) else wait
            return _written(observed, conditions, {}, delete=stale, requeue_after=look)
    else:
        _unknown(conditions, Reason.Progressing, "the store is being probed")
    create = _missing_claim(observed, settings)
    if not _config_map(observed, probe_name(store, key)):
        create = (*create, probe_config_map(store, key, settings))
    create = (*create, probe_job(store, key, settings))
    return _written(observed, conditions, {}, create=create, delete=stale)


def _with_job(
    observed: Observed,
    settings: Settings,
    conditions: Conditions,
    key: str,
    stale: tuple[Ref, ...],
    job: Obj,
) -> Plan:
    """Reads the probe's Job; takes it away once its result is in the status."""
    store = observed.object
    status = store.get("status") or {}
    pods = _pods(observed, job)
    state = jobstate.read(job, pods, observed.log_tail, observed.notices)
    if state.phase in ("Pending", "Running"):
        if status.get("probeKey") != key and not refusal.is_over(
            job
        ):  # an end comes with its reason
            held = state.message + _unbound_claim(observed, settings, state.message)
            _unknown(conditions, state.reason, held or "the store is being probed")
        create = _missing_claim(observed, settings)
        again = refusal.look_again(job, pods, observed.now)
        return _written(observed, conditions, {}, create=create, delete=stale, requeue_after=again)
    ended = state.completion or job["metadata"]["creationTimestamp"]
    if status.get("probeKey") == key and status.get("lastProbeTime") == ended:
        done = (*stale, Ref.of(job), *_config_map(observed, job["metadata"]["name"]))
        wait = _interval(store, settings) - seconds_since(ended, observed.now)
        look = min(wait, _ROTATION) if secret_names(store) else wait
        return _written(observed, conditions, {}, delete=done, requeue_after=max(look, _CLEAN_UP))
    found = {"probeKey": key, "lastProbeTime": ended, **_judge(store, conditions, state)}
    return _written(observed, conditions, found, delete=stale, requeue_after=_CLEAN_UP)


def _judge(store: Obj, conditions: Conditions, state: JobState) -> Mapping[str, Any]:
    """Sets the conditions from a finished probe; returns what else the status learns."""
    if state.phase == "Succeeded":
        conditions.set(REACHABLE, True, Reason.Reachable)
        conditions.set(AUTHENTICATED, True, Reason.Authenticated)
        conditions.ready(Reason.Ready)
        return _found(state.result.detail) if state.result else {}
    reason, message = state.reason, state.message
    if reason == Reason.DeadlineExceeded:
        reason, message = _why_late(store)
    if reason in _ABOUT_CREDENTIALS:
        conditions.set(
            REACHABLE, True if reason == Reason.StoreAuthFailed else None, Reason.Reachable
        )
        conditions.set(AUTHENTICATED, False, reason, message)
    else:
        conditions.set(REACHABLE, False, reason, message)
        conditions.set(AUTHENTICATED, None, reason, "the store was not asked")
    if reason in _ABOUT_SPEC:
        conditions.stalled(reason, message)
    else:
        conditions.reconciling(reason, message)
    return {}


def _found(detail: Mapping[str, Any]) -> dict[str, Any]:
    """What a good probe tells. Words that the API does not know come from another version's image: not said."""
    version, snapshot = detail.get("serverVersion"), detail.get("snapshot")
    able = detail.get("capabilities")
    known = {
        "serverVersion": str(version) if version else None,
        "snapshot": snapshot if snapshot in get_args(Pin) else None,
        "capabilities": None if able is None else [w for w in able if w in get_args(Capability)],
    }
    return {name: value for name, value in known.items() if value is not None}


def _why_late(store: Obj) -> tuple[str, str]:
    """A probe that got no pod started says what it waited for; one that ran found nobody there."""
    held = condition(store, REACHABLE)
    if held.get("status") == "Unknown" and held.get("reason") in _ABOUT_PODS:
        return held["reason"], held.get("message", "")
    return Reason.StoreUnreachable, f"no answer within {DEADLINE} seconds"


def _missing_claim(observed: Observed, settings: Settings) -> tuple[Obj, ...]:
    """The claim that the store lives on, where nobody made it yet. Created, never applied: no other's is changed."""
    claim, ref = claim_of(observed.object, settings), claim_ref(observed.object, settings)
    if claim is None or ref is None or observed.related.get(ref) is not None:
        return ()
    return (claim_object(observed.object, claim, settings),)


def _unbound_claim(observed: Observed, settings: Settings, said: str) -> str:
    """What the scheduler does not say of a claim that keeps the probe's pod waiting: which one, and what to look at."""
    ref = claim_ref(observed.object, settings)
    claim = observed.related.get(ref) if ref else None
    if claim is None or "PersistentVolumeClaim" not in said:
        return ""
    wished = claim["spec"].get("storageClassName")
    where = f"StorageClass {wished}" if wished else "a default StorageClass"
    return f"; claim {claim['metadata']['name']} has no volume: does the cluster have {where}?"


def _unknown(conditions: Conditions, reason: str, message: str) -> None:
    """Nothing is known of this spec yet: what was found for another one does not count."""
    conditions.set(REACHABLE, None, reason, message)
    conditions.set(AUTHENTICATED, None, reason, message)
    conditions.reconciling(reason, message, ready=None)


def _interval(store: Obj, settings: Settings) -> float:
    """Seconds from the last probe to the next. A store that fails is asked after 5, 10, 20 … 300 s."""
    if is_true(store, READY):
        return settings.probe_interval
    if condition(store, "Stalled").get("status") == "True":
        return BACKOFF_CAP
    last = (store.get("status") or {}).get("lastProbeTime")
    since = _failing_since(store)
    if last is None or since is None:
        return BACKOFF_BASE
    failing = seconds_since(since, datetime.fromisoformat(last))
    return min(max(BACKOFF_BASE, failing), BACKOFF_CAP)


def _failing_since(store: Obj) -> str | None:
    for kind in (REACHABLE, AUTHENTICATED):
        found = condition(store, kind)
        if found.get("status") == "False":
            return str(found["lastTransitionTime"])
    return None


def _child(observed: Observed, kind: str, name: str) -> Obj | None:
    for child in observed.children:
        if child["kind"] == kind and child["metadata"]["name"] == name:
            return child
    return None


def _pods(observed: Observed, job: Obj) -> list[Obj]:
    """The pods that the Job controller made for `job`."""
    uid = job["metadata"]["uid"]
    return [
        child
        for child in observed.children
        if child["kind"] == "Pod"
        and any(ref["uid"] == uid for ref in child["metadata"].get("ownerReferences") or [])
    ]


def _config_map(observed: Observed, name: str) -> tuple[Ref, ...]:
    found = _child(observed, "ConfigMap", name)
    return (Ref.of(found),) if found else ()


def _stale(observed: Observed, wished: str) -> tuple[Ref, ...]:
    """Probes of an earlier spec or Secret."""
    return tuple(
        Ref.of(child)
        for child in observed.children
        if child["kind"] in ("Job", "ConfigMap") and child["metadata"]["name"] != wished
    )


def _written(
    observed: Observed,
    conditions: Conditions,
    found: Mapping[str, Any],
    *,
    create: tuple[Obj, ...] = (),
    delete: tuple[Ref, ...] = (),
    requeue_after: float | None = None,
) -> Plan:
    """The plan with the new status: what was known, what was found, the conditions."""
    store = observed.object
    kept = {
        name: value
        for name in ("serverVersion", "lastProbeTime", "probeKey", "snapshot", "capabilities")
        if (value := (store.get("status") or {}).get(name)) is not None
    }
    items = conditions.items()
    status = {
        **kept,
        **found,
        "observedGeneration": store["metadata"].get("generation", 1),
        "conditions": items,
    }
    events = changes(store, items, READY, WARNING)
    return Plan(
        create=create, delete=delete, status=status, events=events, requeue_after=requeue_after
    )
