"""The Job that tries whether a DataStore can be reached, and its document. Called by the DataStore's plan.

Its name carries a hash of all that is tried, so a changed spec or a rotated Secret is another Job.
"""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import Final

from forebay.kube.port import Obj
from forebay.manifests.configmap import config_map
from forebay.manifests.job import failure_policy
from forebay.manifests.labels import BASE_DIR, STAGE_NAME, annotations_of, child_meta
from forebay.manifests.names import child_name, short_hash
from forebay.manifests.podspec import config_map_volume, container, pod_template
from forebay.manifests.stores import store_ref, store_volumes
from forebay.settings import Settings
from forebay_workloads.contract import STAGE_FILE, RunRef, StageDocument

CONTAINER = "stage"
PROBE: Final = "probe"
DEADLINE = 120  # seconds, with the image's pull
_KEEP = 3600  # seconds that a finished Job stays where nobody comes to delete it
_HASH = 8


def probe_key(store: Obj, secret_versions: str) -> str:
    """A hash of all that a probe depends on: spec, base folder, versions of the Secrets."""
    base = annotations_of(store).get(BASE_DIR, "")
    return short_hash(
        json.dumps(store["spec"], sort_keys=True), base, secret_versions, length=_HASH
    )


def probe_name(store: Obj, key: str) -> str:
    """The name of the probe's Job and of its ConfigMap."""
    return child_name(store["metadata"]["name"], PROBE, key)


def probe_config_map(store: Obj, key: str, settings: Settings) -> Obj:
    """The document of a probe: this one store, nothing else."""
    meta = store["metadata"]
    name = probe_name(store, key)
    document = StageDocument(
        stage=PROBE,
        run=RunRef(
            name=name,
            uid=meta["uid"],
            namespace=meta.get("namespace", "default"),
            pipeline=meta["name"],
            trigger=PROBE,
        ),
        spec={},
        stores={meta["name"]: store_ref(store, settings)},
        workspace=meta["name"],
    )
    data = {PurePosixPath(STAGE_FILE).name: document.to_json()}
    return config_map(store, name, data, settings, labels={STAGE_NAME: PROBE})


def probe_job(store: Obj, key: str, settings: Settings) -> Obj:
    """The Job: one attempt, because the plan itself decides when to try again."""
    name = probe_name(store, key)
    meta = child_meta(store, name, settings, labels={STAGE_NAME: PROBE})
    volume, mount = config_map_volume("stage", name, str(PurePosixPath(STAGE_FILE).parent))
    volumes, mounts = store_volumes([store], settings)
    pods = store["spec"].get("podTemplate")
    main = container(
        CONTAINER,
        settings.train_image,
        ["forebay-stage"],
        template=pods,
        mounts=[mount, *mounts],
    )
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE,
            "ttlSecondsAfterFinished": _KEEP,
            "podFailurePolicy": failure_policy(CONTAINER),
            "template": pod_template(
                main,
                meta["labels"],
                template=pods,
                volumes=[volume, *volumes],
                restart_policy="Never",
            ),
        },
    }
