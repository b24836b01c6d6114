"""The apps/v1 Deployment that serves one model version. Called by the plan of a ModelDeployment.

Each version has a Deployment of its own, so the old one keeps serving untouched until the new one has
answered its probes; the Service then changes over.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.labels import MODEL, MODEL_VERSION, child_meta
from forebay.manifests.names import label_value
from forebay.manifests.podspec import config_map_volume, container, pod_template
from forebay.manifests.serve_document import KEYS_DIR, auth_secret, serving_name
from forebay.manifests.service import PORT_NAME, version_selector
from forebay.manifests.stores import store_volumes
from forebay.settings import Settings
from forebay_workloads.contract import SERVE_FILE

CONTAINER = "serve"
CONTAINER_PORT = 3000
SECRET_VERSIONS = "forebay.dev/secret-versions"  # noqa: S105 - annotation of pods: a rotated Secret rolls them
REPLICAS = "forebay.dev/replicas"  # annotation of a Deployment: AUTOSCALED where we leave their number alone
AUTOSCALED = "autoscaled"
PROGRESS_DEADLINE = 600  # seconds for a version to become ready
_LEAVE = (
    5  # seconds between a pod's leaving the Service and SIGTERM: callers learn of it with a delay
)
_GRACE = (
    30  # seconds from the start of the end to SIGKILL: _LEAVE and the server's own draining fit in
)


def serving_deployment(
    owner: Obj,
    version: Obj,
    store: Obj,
    config_map: str,
    settings: Settings,
    *,
    replicas: int | None,
    secret_versions: str = "",
) -> Obj:
    """The Deployment of `version`. `config_map` holds its document, `store` is the DataStore of its artefact.

    `replicas` None: their number belongs to an autoscaler.
    """
    meta = version["metadata"]
    labels = {
        MODEL: label_value(version["spec"]["model"]),
        MODEL_VERSION: label_value(meta["name"]),
    }
    notes = {REPLICAS: AUTOSCALED} if replicas is None else None
    child = child_meta(
        owner, serving_name(owner, version), settings, labels=labels, annotations=notes
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": child,
        "spec": {
            **({} if replicas is None else {"replicas": replicas}),
            "progressDeadlineSeconds": PROGRESS_DEADLINE,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": version_selector(owner, meta["name"])},
            "strategy": _strategy(owner),
            "template": _pod(owner, store, config_map, settings, child["labels"], secret_versions),
        },
    }


def is_recreate(owner: Obj) -> bool:
    """Whether the old pods go first: for accelerators that are too scarce for two versions at once."""
    return (owner["spec"].get("rollout") or {}).get("strategy") == "Recreate"


def _strategy(owner: Obj) -> Obj:
    """How pods of the SAME version are replaced, when their document or a Secret changed."""
    if is_recreate(owner):
        return {"type": "Recreate"}
    return {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}


def _pod(
    owner: Obj,
    store: Obj,
    config_map: str,
    settings: Settings,
    labels: dict[str, str],
    secret_versions: str,
) -> Obj:
    template = owner["spec"].get("podTemplate")
    document, document_mount = config_map_volume(
        "serve", config_map, str(PurePosixPath(SERVE_FILE).parent)
    )
    volumes, mounts = store_volumes([store], settings)
    keys, key_mounts = _keys(owner)
    main = container(
        CONTAINER,
        settings.serve_image,
        ["forebay-serve"],
        template=template,
        mounts=[document_mount, *mounts, *key_mounts],
        ports=[{"name": PORT_NAME, "containerPort": CONTAINER_PORT, "protocol": "TCP"}],
        lifecycle={"preStop": {"sleep": {"seconds": _LEAVE}}},
        **_probes(),
    )
    return pod_template(
        main,
        labels,
        template=template,
        volumes=[document, *volumes, *keys],
        annotations={SECRET_VERSIONS: secret_versions} if secret_versions else None,
        grace_seconds=_GRACE,
    )


def _keys(owner: Obj) -> tuple[list[Obj], list[Obj]]:
    """Volume and mount of the Secret that holds the callers' keys."""
    secret = auth_secret(owner)
    if secret is None:
        return [], []
    volume = {"name": "keys", "secret": {"secretName": secret}}
    return [volume], [{"name": "keys", "mountPath": KEYS_DIR, "readOnly": True}]


def _probes() -> dict[str, Any]:
    """Loading may take ten minutes (startup); after that a pod that is silent for a minute is started again."""
    ready = {"httpGet": {"path": "/v2/health/ready", "port": PORT_NAME}, "timeoutSeconds": 3}
    live = {"httpGet": {"path": "/v2/health/live", "port": PORT_NAME}, "timeoutSeconds": 5}
    return {
        "startupProbe": {**live, "periodSeconds": 1, "failureThreshold": PROGRESS_DEADLINE},
        "readinessProbe": {**ready, "periodSeconds": 2, "failureThreshold": 3},
        "livenessProbe": {**live, "periodSeconds": 10, "failureThreshold": 6},
    }
