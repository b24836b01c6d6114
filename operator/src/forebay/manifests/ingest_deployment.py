"""The Deployment that ingests a pipeline's topic all the time, and the ConfigMap with its document. Pure.

Called by `forebay.plan.streaming`. One pod: a group's partitions are one consumer's. The old one goes first, and has
time to finish the batch in hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests import progress
from forebay.manifests.configmap import config_map
from forebay.manifests.deployment import SECRET_VERSIONS
from forebay.manifests.labels import FEED, OWNER_UID, STAGE_NAME, child_meta
from forebay.manifests.names import child_name, short_hash
from forebay.manifests.podspec import config_map_volume, container, pod_template
from forebay.manifests.stores import store_ref, store_volumes
from forebay.settings import Settings
from forebay_workloads.contract import STAGE_FILE, RunRef, StageDocument, consumer_group

STREAM = "stream"  # the stage
CONTAINER = "stage"
_GRACE = 60  # seconds from SIGTERM to SIGKILL: time for the batch in hand
_DEADLINE = 600  # seconds for the pod to run
PORT_NAME, PORT = "metrics", 8080  # where it answers: metrics and probes
_START = 300  # seconds until the process has to answer at all, on a machine however busy


def is_stream(pipeline: Obj) -> bool:
    """Whether the pipeline ingests all the time."""
    return bool((pipeline["spec"].get("ingest") or {}).get("mode") == STREAM)


def ingest_name(pipeline: Obj) -> str:
    """The Deployment's name."""
    return child_name(pipeline["metadata"]["name"], "ingest")


def feed(pipeline: Obj) -> str:
    """What a stream reads, as a label's value: two Deployments of one value would take partitions from each other."""
    meta, source = pipeline["metadata"], pipeline["spec"]["ingest"]["from"]
    group = consumer_group(source, meta.get("namespace", "default"), meta["name"])
    return short_hash(source["storeRef"]["name"], source["topic"], group)


def ingest_config_map(pipeline: Obj, datastores: Mapping[str, Obj], settings: Settings) -> Obj:
    """The ConfigMap with the stage document; its name changes with its content, so that a change rolls the pod."""
    meta, ingest = pipeline["metadata"], pipeline["spec"]["ingest"]
    namespace = meta.get("namespace", "default")
    document = StageDocument(
        stage="stream",
        run=RunRef(meta["name"], meta["uid"], namespace, meta["name"], STREAM),
        spec={"ingest": {k: v for k, v in ingest.items() if k != "podTemplate"}},
        stores={name: store_ref(store, settings) for name, store in datastores.items()},
        workspace=ingest["to"]["storeRef"]["name"],
    ).to_json()
    data = {PurePosixPath(STAGE_FILE).name: document, **progress.documents(settings)}
    name = child_name(ingest_name(pipeline), short_hash(*data.values(), length=8))
    return config_map(pipeline, name, data, settings, labels={STAGE_NAME: STREAM})


def ingest_deployment(
    pipeline: Obj,
    datastores: Iterable[Obj],
    config: str,
    settings: Settings,
    *,
    replicas: int,
    secret_versions: str = "",
) -> Obj:
    """The Deployment whose pod reads the document in the ConfigMap `config`."""
    labels = {STAGE_NAME: STREAM, FEED: feed(pipeline)}
    meta = child_meta(pipeline, ingest_name(pipeline), settings, labels=labels)
    owned = {key: meta["labels"][key] for key in (STAGE_NAME, OWNER_UID)}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": meta,
        "spec": {
            "replicas": replicas,
            "progressDeadlineSeconds": _DEADLINE,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": owned},
            "strategy": {"type": "Recreate"},
            "template": _pod(
                pipeline, datastores, config, settings, meta["labels"], secret_versions
            ),
        },
    }


def _pod(
    pipeline: Obj,
    datastores: Iterable[Obj],
    config: str,
    settings: Settings,
    labels: Mapping[str, str],
    secret_versions: str,
) -> Obj:
    spec = pipeline["spec"]
    template: dict[str, Any] = {
        **(spec.get("podTemplate") or {}),
        **(spec["ingest"].get("podTemplate") or {}),
    }
    volume, mount = config_map_volume("stage", config, str(PurePosixPath(STAGE_FILE).parent))
    volumes, mounts = store_volumes(datastores, settings)
    push = progress.push(config, settings)
    main = container(
        CONTAINER,
        settings.train_image,
        ["forebay-stage"],
        template=template,
        mounts=[mount, *mounts, *push.mounts],
        env=push.env,
        ports=[{"name": PORT_NAME, "containerPort": PORT, "protocol": "TCP"}],
        **_probes(),
    )
    return pod_template(
        main,
        labels,
        template=template,
        volumes=[volume, *volumes, *push.volumes],
        annotations={SECRET_VERSIONS: secret_versions} if secret_versions else None,
        grace_seconds=_GRACE,
    )


def _probes() -> dict[str, Any]:
    """The process itself knows how long is too long (`forebay_workloads.ingest.vitals`): probes add a minute."""
    live = {"httpGet": {"path": "/livez", "port": PORT_NAME}, "timeoutSeconds": 5}
    ready = {"httpGet": {"path": "/readyz", "port": PORT_NAME}, "timeoutSeconds": 5}
    return {
        "startupProbe": {**live, "periodSeconds": 2, "failureThreshold": _START // 2},
        "livenessProbe": {**live, "periodSeconds": 20, "failureThreshold": 3},
        "readinessProbe": {**ready, "periodSeconds": 5, "failureThreshold": 2},
    }
