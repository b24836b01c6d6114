"""Plan of a ModelDeployment: resolve the version, run it, lead the traffic to it, say how that goes.

The policy of replacing is in rollout.py, what is wrong with pods in served.py, which version is meant in
modelchoice.py, who sets the number of pods in scaling.py. This file puts their answers into children and status.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import HTTP_ROUTE, OPTIONAL_KINDS, Obj, Ref, kind_of
from forebay.manifests.autoscaler import bounds
from forebay.manifests.deployment import serving_deployment
from forebay.manifests.http_route import gateway_of, http_route
from forebay.manifests.labels import MODEL_VERSION, is_paused, labels_of
from forebay.manifests.serve_document import auth_secret, serve_config_map, serve_document
from forebay.manifests.service import service, service_url
from forebay.plan import optional
from forebay.plan.announce import changes
from forebay.plan.conditions import READY, WARNING, Conditions
from forebay.plan.modelchoice import absence, chosen, store_of, unmet, versions
from forebay.plan.paused import paused
from forebay.plan.rollout import Rollout, decide, stable_version
from forebay.plan.scaling import (
    SCALERS,
    autoscaled,
    autoscaler,
    expected,
    hand_over,
    scaler,
    superseded,
)
from forebay.plan.secrets import secret_versions
from forebay.plan.served import look
from forebay.plan.types import Observed, Plan
from forebay.settings import Settings

ROLLOUT_COMPLETE = "RolloutComplete"
TYPES = (ROLLOUT_COMPLETE, "StreamHealthy", "SinkHealthy", "DriftDetected", WARNING)
_LOOK_AGAIN = 5.0  # seconds: a Secret's appearance is not watched everywhere
_ROLLING = 15.0  # seconds: patience and deadlines pass without any event
_EXTRAS = (*SCALERS, *OPTIONAL_KINDS)
_NEXT = 1.0  # seconds: for an object to be gone before another takes its place
_EXTRAS_AGAIN = 300.0  # seconds: changes of these are not watched


def plan(observed: Observed, settings: Settings) -> Plan:
    """What to do for a ModelDeployment now."""
    obj = observed.object
    if obj["metadata"].get("deletionTimestamp"):
        return Plan()
    if is_paused(obj):
        return paused(observed, TYPES)
    conditions = Conditions(obj, TYPES, observed.now)
    _side_conditions(conditions, observed, settings)
    version = chosen(observed)
    if version is None:
        return _waiting(observed, settings, conditions, Reason.ReferenceMissing, absence(observed))
    lacking = unmet(observed, version)
    if lacking is not None:
        return _waiting(observed, settings, conditions, *lacking)
    return _rolling(observed, settings, conditions, version)


def _side_conditions(conditions: Conditions, observed: Observed, settings: Settings) -> None:
    """What has no stream, sink or monitoring has nothing to say about them."""
    spec: Mapping[str, Any] = observed.object["spec"]
    for kind, field in (
        ("StreamHealthy", "stream"),
        ("SinkHealthy", "sink"),
        ("DriftDetected", "monitoring"),
    ):
        reason = Reason.FieldNotSupportedInMode if spec.get(field) else Reason.Skipped
        conditions.set(
            kind,
            None,
            reason,
            f"spec.{field} is {'not honoured yet' if spec.get(field) else 'not set'}",
        )
    conditions.warn(*optional.warning("ModelDeployment", spec, settings.plane, observed.apis))


def _replicas(obj: Obj) -> int:
    return bounds(obj)[0]


def _waiting(
    observed: Observed, settings: Settings, conditions: Conditions, reason: Reason, message: str
) -> Plan:
    """The wished version cannot be started. What serves goes on serving, untouched."""
    obj, stable = observed.object, stable_version(observed)
    serving = stable is not None and look(observed, stable).ready >= _replicas(obj)
    text = f"{message}; {stable} keeps all traffic" if stable else message
    conditions.set(ROLLOUT_COMPLETE, False, reason, text)
    conditions.reconciling(reason, text, ready=serving)
    status = _status(observed, settings, conditions)
    if stable:
        status["stable"] = _stable(observed, stable)
    requeue = _LOOK_AGAIN if reason == Reason.SecretMissing else None
    return _finish(observed, status, requeue_after=requeue)


def _rolling(observed: Observed, settings: Settings, conditions: Conditions, version: Obj) -> Plan:
    obj, wished = observed.object, version["metadata"]["name"]
    pods = expected(observed, settings, wished, stable_version(observed))
    rollout = decide(observed, wished, pods)
    given_away = rollout.proven and autoscaled(observed, settings, rollout.traffic)
    known = {v["metadata"]["name"]: v for v in versions(observed)}
    apply: list[Obj] = []
    for name in rollout.run:
        if name in known and (store := store_of(observed, known[name])) is not None:
            count = None if given_away and name == rollout.traffic else pods
            apply += _children(observed, known[name], store, settings, count)
    apply.append(service(obj, rollout.traffic, settings))
    deployment = look(observed, rollout.traffic).deployment if given_away else None
    apply += _extras(observed, settings, deployment)
    _summary(conditions, observed, rollout, _replicas(obj))
    status = _status(observed, settings, conditions)
    if rollout.proven:
        status["stable"] = _stable(observed, rollout.traffic)
    if not rollout.complete and not (rollout.proven and rollout.traffic == rollout.wished):
        status["canary"] = _canary(observed, rollout, version["spec"]["digest"])
    return _finish(
        observed,
        status,
        apply=tuple(apply),
        hand_over=hand_over(deployment) if deployment else (),
        delete=_surplus(observed, rollout, apply),
        requeue_after=_again(observed, settings, rollout, apply),
    )


def _extras(observed: Observed, settings: Settings, deployment: Obj | None) -> tuple[Obj, ...]:
    """The autoscaler of `deployment`, and the route to the Service."""
    obj = observed.object
    found = autoscaler(observed, settings, deployment["metadata"]["name"]) if deployment else ()
    gateway = gateway_of(obj)
    if gateway is not None and HTTP_ROUTE.api in observed.apis:
        found = (*found, http_route(obj, gateway, settings))
    return found


def _again(
    observed: Observed, settings: Settings, rollout: Rollout, apply: list[Obj]
) -> float | None:
    """Seconds until time alone is a reason to look again."""
    waits = [] if rollout.complete else [_ROLLING]
    if superseded(observed, scaler(observed, settings)):
        waits.append(_NEXT)
    spec = observed.object["spec"]
    if optional.missing("ModelDeployment", spec, settings.plane, observed.apis):
        waits.append(optional.LOOK_AGAIN)
    if any(kind_of(child) in _EXTRAS for child in apply):
        waits.append(_EXTRAS_AGAIN)
    return min(waits, default=None)


def _children(
    observed: Observed, version: Obj, store: Obj, settings: Settings, replicas: int | None
) -> tuple[Obj, Obj]:
    """ConfigMap and Deployment of one version. `replicas` None: an autoscaler sets them."""
    obj = observed.object
    document = serve_document(obj, version, store, settings)
    config = serve_config_map(obj, version, document, settings)
    keys = auth_secret(obj)
    rotated = secret_versions(store, observed, [keys] if keys else [])
    deployment = serving_deployment(
        obj,
        version,
        store,
        config["metadata"]["name"],
        settings,
        replicas=replicas,
        secret_versions=rotated,
    )
    return config, deployment


def _surplus(observed: Observed, rollout: Rollout, apply: list[Obj]) -> tuple[Ref, ...]:
    """Deployments of versions that are not to run, documents that no pod reads any more, autoscalers, routes."""
    needed = {Ref.of(child).name for child in apply if child["kind"] == "ConfigMap"}
    gone = []
    for child in observed.children:
        running = labels_of(child).get(MODEL_VERSION) in rollout.run
        if child["kind"] == "Deployment":
            needed |= _mounted(child) if running else set()
            gone += [] if running else [Ref.of(child)]
    for child in observed.children:
        running = labels_of(child).get(MODEL_VERSION) in rollout.run
        left = child["kind"] == "ConfigMap" and child["metadata"]["name"] not in needed
        if left and (rollout.complete or not running):
            gone.append(Ref.of(child))
    kept = {Ref.of(child) for child in apply}
    extras = [Ref.of(child) for child in observed.children if kind_of(child) in _EXTRAS]
    return (*gone, *(ref for ref in extras if ref not in kept))


def _mounted(deployment: Obj) -> set[str]:
    """Names of the ConfigMaps that its pods mount as it is observed: until they have rolled they may restart."""
    volumes = deployment["spec"]["template"]["spec"].get("volumes") or []
    return {volume["configMap"]["name"] for volume in volumes if "configMap" in volume}


def _summary(conditions: Conditions, observed: Observed, rollout: Rollout, replicas: int) -> None:
    """RolloutComplete, and Ready with its two companions."""
    reason, message = rollout.reason, rollout.message
    conditions.set(ROLLOUT_COMPLETE, rollout.complete, reason, message)
    serving = look(observed, rollout.traffic).ready >= replicas and rollout.proven
    if rollout.complete:
        conditions.ready(Reason.Serving, message)
    elif rollout.stalled:
        conditions.stalled(reason, message, ready=serving)
    else:
        conditions.reconciling(reason, message, ready=serving)


def _status(observed: Observed, settings: Settings, conditions: Conditions) -> dict[str, Any]:
    obj = observed.object
    existing = next((c for c in observed.children if c["kind"] == "Service"), None)
    items = conditions.items()
    total = sum(
        int((c.get("status") or {}).get("replicas") or 0)
        for c in observed.children
        if c["kind"] == "Deployment"
    )
    return {
        "observedGeneration": obj["metadata"].get("generation", 1),
        "phase": _phase(items),
        "url": service_url(obj, existing, settings),
        "replicas": total,
        "conditions": items,
    }


def _phase(items: list[dict[str, Any]]) -> str:
    state = {item["type"]: item["status"] for item in items}
    if state["Stalled"] == "True":
        return "Degraded" if state[READY] == "True" else "Failed"
    if state["Reconciling"] == "True":
        return "RollingOut" if state[READY] == "True" else "Pending"
    return "Ready" if state[READY] == "True" else "Pending"


def _digest(observed: Observed, name: str) -> str | None:
    for version in versions(observed):
        if version["metadata"]["name"] == name:
            return str(version["spec"]["digest"])
    return None


def _stable(observed: Observed, name: str) -> dict[str, Any]:
    served: dict[str, Any] = {"version": name, "weight": 100, "ready": look(observed, name).ready}
    if digest := _digest(observed, name):
        served["digest"] = digest
    return served


def _canary(observed: Observed, rollout: Rollout, digest: str) -> dict[str, Any]:
    return {
        "version": rollout.wished,
        "weight": 0,
        "ready": look(observed, rollout.wished).ready,
        "reason": str(rollout.reason),
        "digest": digest,
    }


def _finish(
    observed: Observed,
    status: dict[str, Any],
    *,
    apply: tuple[Obj, ...] = (),
    hand_over: tuple[Obj, ...] = (),
    delete: tuple[Ref, ...] = (),
    requeue_after: float | None = None,
) -> Plan:
    return Plan(
        hand_over=hand_over,
        apply=apply,
        delete=delete,
        status=status,
        events=changes(observed.object, status["conditions"], READY, ROLLOUT_COMPLETE, WARNING),
        requeue_after=requeue_after,
    )
