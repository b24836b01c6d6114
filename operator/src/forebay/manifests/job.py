"""The Job of a run's stage and the ConfigMap with its document. Created once, never patched.

Called by `forebay.plan.start`. Exit codes become a podFailurePolicy from the contract's table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests import progress
from forebay.manifests.accelerator import limits, placed, required
from forebay.manifests.configmap import config_map
from forebay.manifests.labels import STAGE_NAME, child_meta
from forebay.manifests.names import child_name
from forebay.manifests.podspec import config_map_volume, container, pod_template
from forebay.manifests.stores import store_volumes
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_FINAL, STAGE_FILE, StageDocument

CONTAINER = "stage"
_GRACE = 60  # seconds from SIGTERM to SIGKILL: time to save a checkpoint
_NAME_LIMIT = (
    52  # pods of several nodes are hosts named <job>-node-0-255, and a host has 63 characters
)


def job_name(run: Obj, stage: str) -> str:
    """The name of a stage's Job and of all that goes with it."""
    return child_name(run["metadata"]["name"], stage, limit=_NAME_LIMIT)


def stage_config_map(run: Obj, document: StageDocument, settings: Settings) -> Obj:
    """The ConfigMap that holds a stage's document."""
    key = PurePosixPath(STAGE_FILE).name
    name = job_name(run, document.stage)
    labels = {STAGE_NAME: document.stage}
    data = {key: document.to_json(), **progress.documents(settings)}
    return config_map(run, name, data, settings, labels=labels)


def stage_job(
    run: Obj,
    stage: str,
    datastores: Iterable[Obj],
    settings: Settings,
    *,
    deadline: int,
    backoff_limit: int,
) -> Obj:
    """The Job of a stage. `deadline` in seconds is an upper bound should nobody watch the run."""
    block = _block(run, stage)
    meta = child_meta(run, job_name(run, stage), settings, labels={STAGE_NAME: stage})
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": backoff_limit,
            "activeDeadlineSeconds": deadline,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": failure_policy(CONTAINER),
            "template": _pod(meta["name"], block, datastores, settings, meta["labels"]),
        },
    }


def _block(run: Obj, stage: str) -> Mapping[str, Any]:
    """The stage's block with what the pipeline says of all its pods; what the stage says itself wins."""
    template = run["spec"]["template"]
    block = template.get(stage) or {}
    pods = {**(template.get("podTemplate") or {}), **(block.get("podTemplate") or {})}
    return {**block, "podTemplate": pods}


def failure_policy(container_name: str) -> Obj:
    """Bad config and bad data fail the Job at once; a disruption of the node does not count as a failure."""
    codes = {"containerName": container_name, "operator": "In", "values": sorted(EXIT_FINAL)}
    return {
        "rules": [
            {
                "action": "Ignore",
                "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
            },
            {"action": "FailJob", "onExitCodes": codes},
        ]
    }


def _pod(
    name: str,
    block: Mapping[str, Any],
    datastores: Iterable[Obj],
    settings: Settings,
    labels: Mapping[str, str],
) -> Obj:
    accelerator = block.get("accelerator")
    template = placed(block.get("podTemplate"), accelerator, settings)
    volume, mount = config_map_volume("stage", name, str(PurePosixPath(STAGE_FILE).parent))
    volumes, mounts = store_volumes(datastores, settings)
    push = progress.push(name, settings)
    main = container(
        CONTAINER,
        block.get("image") or settings.train_image,
        ["forebay-stage"],
        template=template,
        mounts=[mount, *mounts, *push.mounts],
        limits=limits(accelerator, settings),
        env=[*required(accelerator, settings), *push.env],
    )
    return pod_template(
        main,
        labels,
        template=template,
        volumes=[volume, *volumes, *push.volumes],
        restart_policy="Never",
        grace_seconds=_GRACE,
    )
