"""Who sets the number of a model's pods: the spec, or an autoscaler between the spec's bounds.

Called by the plan of a ModelDeployment. An autoscaler gets the Deployment that has the traffic, once that has
proved itself; from then on `replicas` is not among the fields that we apply, so nobody fights over it.
"""

from __future__ import annotations

from forebay.kube.port import DATASTORE, HPA, SCALED_OBJECT, Kind, Obj, Ref, kind_of
from forebay.manifests.autoscaler import bounds, cpu_autoscaler
from forebay.manifests.deployment import AUTOSCALED, REPLICAS
from forebay.manifests.labels import annotations_of
from forebay.manifests.scaled_object import concurrency_scaler, lag_scaler
from forebay.plan.served import look
from forebay.plan.types import Observed
from forebay.settings import Settings

SCALERS = (HPA, SCALED_OBJECT)


def scaler(observed: Observed, settings: Settings) -> Kind | None:
    """The kind that sets the number of pods; None: the spec does."""
    wished = observed.object["spec"].get("autoscaling")
    if not wished or settings.plane == "embedded":
        return None
    keda = SCALED_OBJECT if SCALED_OBJECT.api in observed.apis else None
    if wished["metric"] == "concurrency":
        return keda or HPA
    return keda if broker(observed) is not None else None


def broker(observed: Observed) -> Obj | None:
    """The DataStore whose records wait; KEDA has to be told its brokers, which a binding keeps in a Secret."""
    obj = observed.object
    source = (obj["spec"].get("stream") or {}).get("from") or {}
    name = (source.get("storeRef") or {}).get("name", "")
    store = observed.related.get(Ref(DATASTORE, obj["metadata"].get("namespace", "default"), name))
    known = store is not None and (store["spec"].get("kafka") or {}).get("bootstrapServers")
    return store if known else None


def expected(observed: Observed, settings: Settings, wished: str, stable: str | None) -> int:
    """Pods that `wished` must have ready: the fewest allowed, or as many as it is to replace."""
    fewest, most = bounds(observed.object)
    if stable is None or stable == wished or scaler(observed, settings) is None:
        return fewest
    return min(max(look(observed, stable).wanted, fewest), most)


def autoscaled(observed: Observed, settings: Settings, version: str) -> bool:
    """Whether an autoscaler may have the Deployment of `version`; one that is to be made gets our number first."""
    return scaler(observed, settings) is not None and look(observed, version).deployment is not None


def autoscaler(observed: Observed, settings: Settings, deployment: str) -> tuple[Obj, ...]:
    """The autoscaler of the Deployment named `deployment`. None while one of another kind is still there."""
    kind, owner = scaler(observed, settings), observed.object
    if kind is None or superseded(observed, kind):
        return ()
    if kind == HPA:
        return (cpu_autoscaler(owner, deployment, settings),)
    if owner["spec"]["autoscaling"]["metric"] == "concurrency":
        return (concurrency_scaler(owner, deployment, settings),)
    store = broker(observed)
    return lag_scaler(owner, deployment, store, settings) if store is not None else ()


def superseded(observed: Observed, kind: Kind | None) -> bool:
    """Whether an autoscaler of another kind than `kind` is there: it goes first, two would pull at one Deployment."""
    return any(kind_of(child) in SCALERS and kind_of(child) != kind for child in observed.children)


def hand_over(deployment: Obj) -> tuple[Obj, ...]:
    """What puts the number of pods into other hands, at its present value; () where that was done.

    A field that its only manager leaves out falls back to its default: one pod. So another manager holds it
    until the autoscaler sets it.
    """
    meta = deployment["metadata"]
    if annotations_of(deployment).get(REPLICAS) == AUTOSCALED:
        return ()
    slim = {
        "apiVersion": deployment["apiVersion"],
        "kind": deployment["kind"],
        "metadata": {"name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"]},
        "spec": {"replicas": int(deployment["spec"].get("replicas", 1))},
    }
    return (slim,)
