"""Which other objects a decision about an object looks at: one small pure function per kind.

`gather` reads them; the loop remembers them, so that a change of one of them wakes the object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from forebay.kube.port import (
    CONFIG_MAP,
    DATASTORE,
    DEPLOYMENT,
    HPA,
    HTTP_ROUTE,
    JOB,
    JOB_SET,
    K8S_DEPLOYMENT,
    MODEL_VERSION,
    PIPELINE,
    POD,
    RUN,
    SCALED_OBJECT,
    SECRET,
    SERVICE,
    TRIGGER_AUTHENTICATION,
    Kind,
    Obj,
    Ref,
    kind_of,
)
from forebay.manifests.claim import claim_ref
from forebay.manifests.ingest_deployment import feed, is_stream
from forebay.manifests.job import job_name
from forebay.manifests.labels import FEED, MODEL, OWNER_UID, labels_of
from forebay.manifests.nodes import node_count
from forebay.manifests.stage_document import store_names
from forebay.manifests.stores import secret_names
from forebay.plan.retention import FINISHED, run_phase
from forebay.settings import Settings


@dataclass(frozen=True)
class Select:
    """All objects of a kind in a namespace that carry these labels."""

    kind: Kind
    namespace: str
    labels: tuple[tuple[str, str], ...] = ()

    def matches(self, obj: Obj) -> bool:
        """Whether an object is among them."""
        found = labels_of(obj)
        return (
            kind_of(obj) == self.kind
            and obj["metadata"].get("namespace", "default") == self.namespace
            and all(found.get(key) == value for key, value in self.labels)
        )


Need = Ref | Select

CHILD_KINDS: Mapping[Kind, tuple[Kind, ...]] = {
    PIPELINE: (RUN,),
    RUN: (
        CONFIG_MAP,
        JOB,
        POD,
    ),  # Jobs before their Pods: what a Job says of them is then seen of them
    DATASTORE: (CONFIG_MAP, JOB, POD),
    DEPLOYMENT: (
        CONFIG_MAP,
        K8S_DEPLOYMENT,
        SERVICE,
        POD,
        HPA,
        SCALED_OBJECT,
        TRIGGER_AUTHENTICATION,
        HTTP_ROUTE,
    ),
    MODEL_VERSION: (),
}


def child_kinds(obj: Obj) -> tuple[Kind, ...]:
    """Kinds of the object's children; a pipeline has more of them while it ingests a stream, or has just ceased to."""
    kinds = CHILD_KINDS.get(kind_of(obj), ())
    if kind_of(obj) == PIPELINE and (is_stream(obj) or (obj.get("status") or {}).get("ingest")):
        return (*kinds, CONFIG_MAP, K8S_DEPLOYMENT, POD)
    return kinds


def needs(obj: Obj, settings: Settings) -> Iterator[Need]:
    """What a decision about `obj` looks at, by its own spec and by where it runs."""
    yield from _NEEDS.get(kind_of(obj), _nothing)(obj, obj["metadata"].get("namespace", "default"))
    if kind_of(obj) == DATASTORE and (claim := claim_ref(obj, settings)) is not None:
        yield claim


def follow_up(owner: Obj, found: Obj) -> Iterator[Need]:
    """What a decision about `owner` looks at because it looks at `found`."""
    namespace = owner["metadata"].get("namespace", "default")
    kind = kind_of(found)
    if kind == MODEL_VERSION and kind_of(owner) in (RUN, DEPLOYMENT):
        yield Ref(DATASTORE, namespace, found["spec"]["artifact"]["storeRef"]["name"])
    mounts = kind_of(owner) == DEPLOYMENT or (kind_of(owner) == PIPELINE and is_stream(owner))
    if kind == DATASTORE and mounts:
        yield from _secrets(found, namespace)


def _nothing(_obj: Obj, _namespace: str) -> Iterator[Need]:
    yield from ()


def _secrets(store: Obj, namespace: str) -> Iterator[Need]:
    for name in secret_names(store):
        yield Ref(SECRET, namespace, name)


def _pipeline(obj: Obj, namespace: str) -> Iterator[Need]:
    for name in store_names(obj["spec"]):
        yield Ref(DATASTORE, namespace, name)
    if is_stream(obj):
        yield Select(K8S_DEPLOYMENT, namespace, ((FEED, feed(obj)),))


def _run(obj: Obj, namespace: str) -> Iterator[Need]:
    spec = obj["spec"].get("template") or {}
    yield Ref(PIPELINE, namespace, obj["spec"]["pipelineRef"]["name"])
    for name in store_names(spec):
        yield Ref(DATASTORE, namespace, name)
    if (
        node_count(spec.get("train") or {}) > 1
    ):  # not among the children: most clusters have no such kind
        yield Ref(JOB_SET, namespace, job_name(obj, "train"))
    if publish := spec.get("publish"):
        yield Select(MODEL_VERSION, namespace, ((MODEL, publish["model"]),))
    if deploy := spec.get("deploy"):
        yield Ref(DEPLOYMENT, namespace, deploy["deploymentRef"]["name"])
    if (owner := labels_of(obj).get(OWNER_UID)) and run_phase(obj) not in FINISHED:
        yield Select(RUN, namespace, ((OWNER_UID, owner),))


def _version(obj: Obj, namespace: str) -> Iterator[Need]:
    yield Ref(DATASTORE, namespace, obj["spec"]["artifact"]["storeRef"]["name"])


def _deployment(obj: Obj, namespace: str) -> Iterator[Need]:
    yield Select(MODEL_VERSION, namespace, ((MODEL, obj["spec"]["model"]["name"]),))
    yield Select(PIPELINE, namespace)
    if (obj["spec"].get("autoscaling") or {}).get("metric") == "kafkaLag":
        yield Ref(DATASTORE, namespace, obj["spec"]["stream"]["from"]["storeRef"]["name"])
    auth = ((obj["spec"].get("rest") or {}).get("auth") or {}).get("secretRef")
    if auth:
        yield Ref(SECRET, namespace, auth["name"])


_NEEDS: Mapping[Kind, Callable[[Obj, str], Iterator[Need]]] = {
    DATASTORE: _secrets,
    PIPELINE: _pipeline,
    RUN: _run,
    MODEL_VERSION: _version,
    DEPLOYMENT: _deployment,
}
