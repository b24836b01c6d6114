"""The small Kubernetes port: all that the reconciler, the local runner and the CLI need of an API server.

Two implementations: `embedded.py` (SQLite, in process) and `cluster.py` (kubernetes.aio). Objects are
plain dicts in and out. Errors are `forebay.errors.KubeError`. No caller may import a Kubernetes client.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

Obj = dict[str, Any]
"""A Kubernetes object: apiVersion, kind, metadata, and the rest."""

Objects = list[Obj]

FIELD_MANAGER = "forebay"
GROUP = "forebay.dev"
API_VERSION = "forebay.dev/v1alpha1"


@dataclass(frozen=True, order=True, slots=True)
class Kind:
    """A kind as the API serves it."""

    api_version: str  # "batch/v1", "v1", "forebay.dev/v1alpha1"
    kind: str
    plural: str

    @property
    def path(self) -> str:
        """The URL prefix of its group and version."""
        return (
            f"/api/{self.api_version}"
            if "/" not in self.api_version
            else f"/apis/{self.api_version}"
        )

    @property
    def api(self) -> str:
        """As `Kube.apis` names it."""
        return f"{self.api_version}/{self.kind}"


DATASTORE = Kind(API_VERSION, "DataStore", "datastores")
PIPELINE = Kind(API_VERSION, "NoSQLPipeline", "nosqlpipelines")
RUN = Kind(API_VERSION, "PipelineRun", "pipelineruns")
MODEL_VERSION = Kind(API_VERSION, "ModelVersion", "modelversions")
DEPLOYMENT = Kind(API_VERSION, "ModelDeployment", "modeldeployments")
OWN_KINDS = (DATASTORE, PIPELINE, RUN, MODEL_VERSION, DEPLOYMENT)

CONFIG_MAP = Kind("v1", "ConfigMap", "configmaps")
SECRET = Kind("v1", "Secret", "secrets")
SERVICE = Kind("v1", "Service", "services")
POD = Kind("v1", "Pod", "pods")
EVENT = Kind("v1", "Event", "events")
PVC = Kind("v1", "PersistentVolumeClaim", "persistentvolumeclaims")
JOB = Kind("batch/v1", "Job", "jobs")
K8S_DEPLOYMENT = Kind("apps/v1", "Deployment", "deployments")

HPA = Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers")
SCALED_OBJECT = Kind("keda.sh/v1alpha1", "ScaledObject", "scaledobjects")
TRIGGER_AUTHENTICATION = Kind("keda.sh/v1alpha1", "TriggerAuthentication", "triggerauthentications")
HTTP_ROUTE = Kind("gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes")
RESOURCE_CLAIM_TEMPLATE = Kind(
    "resource.k8s.io/v1", "ResourceClaimTemplate", "resourceclaimtemplates"
)
JOB_SET = Kind("jobset.x-k8s.io/v1alpha2", "JobSet", "jobsets")
OPTIONAL_KINDS = (
    SCALED_OBJECT,
    TRIGGER_AUTHENTICATION,
    HTTP_ROUTE,
    RESOURCE_CLAIM_TEMPLATE,
    JOB_SET,
)  # in some clusters only

KINDS: Mapping[tuple[str, str], Kind] = {
    (k.api_version, k.kind): k
    for k in (
        *OWN_KINDS,
        *OPTIONAL_KINDS,
        HPA,
        CONFIG_MAP,
        SECRET,
        SERVICE,
        POD,
        EVENT,
        PVC,
        JOB,
        K8S_DEPLOYMENT,
    )
}


def kind_of(obj: Obj) -> Kind:
    """The Kind of an object; KeyError for one that this port does not serve."""
    return KINDS[obj["apiVersion"], obj["kind"]]


@dataclass(frozen=True, order=True, slots=True)
class Ref:
    """One object by kind, namespace and name."""

    kind: Kind
    namespace: str
    name: str

    @classmethod
    def of(cls, obj: Obj) -> Ref:
        """The reference of an object."""
        meta = obj["metadata"]
        return cls(kind_of(obj), meta.get("namespace", "default"), meta["name"])


@dataclass(frozen=True)
class WatchEvent:
    """A change: ADDED, MODIFIED or DELETED (with the object's last state)."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Obj


class Kube(Protocol):
    """The verbs. Every object that comes back carries uid, resourceVersion, generation and creationTimestamp."""

    async def get(self, ref: Ref) -> Obj | None:
        """The object, or None."""

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Obj]:
        """Objects of a kind, sorted by namespace and name, whose labels include all of `labels`."""

    async def create(self, obj: Obj, *, manager: str = FIELD_MANAGER) -> Obj:
        """Creates; raises AlreadyExists when the name is taken."""

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        subresource: Literal["status"] | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """Server-side apply: creates or updates; fields that this manager set before and left out now go.

        With `subresource="status"` only `.status` is applied (NotFound when the object is absent, Conflict
        when `metadata.resourceVersion` is given and stale). An apply that changes nothing writes nothing.
        A `metadata.uid` that differs from the stored one is a Conflict. Raises Invalid with causes.
        """

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        """Deletes; absent is fine; an object of another uid is left alone. Owned children follow."""

    def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """First ADDED for each object that is there, then every change from then on, in order."""

    async def logs(self, pod: Ref, *, tail: int | None = None) -> str:
        """The log text of a pod's container, the last `tail` lines of it; "" when there is none."""

    async def notices(self, namespace: str, uid: str) -> Objects:
        """Events of the core API about the object of this uid, in no order. Never cached."""

    async def apis(self) -> frozenset[str]:
        """Which optional APIs are installed: "group/version/Kind"; may be some seconds old."""

    async def close(self) -> None:
        """Frees connections; may be called twice."""
