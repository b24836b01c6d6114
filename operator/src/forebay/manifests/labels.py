"""Labels, annotations and owner references: how a child says whose it is.

Used by every builder, by gather (children are found by OWNER_UID) and by the triggers (a child's change
wakes its owner). It knows no kinds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.names import label_value
from forebay.settings import Settings

MANAGED_BY = "app.kubernetes.io/managed-by"
OWNER_UID = "forebay.dev/owner-uid"
OWNER_KIND = "forebay.dev/owner-kind"
OWNER_NAME = "forebay.dev/owner-name"
STAGE_NAME = "forebay.dev/stage-name"  # which stage of a run a Job or Pod is
FEED = "forebay.dev/feed"  # of a stream's Deployment: which topic it reads in which group
MODEL = "forebay.dev/model"
MODEL_VERSION = "forebay.dev/model-version"
RUN_UID = "forebay.dev/run-uid"  # which run made a ModelVersion
STAGE = "forebay.dev/stage"  # of a ModelVersion: one of the three below
PRODUCTION = "Production"
STAGING = "Staging"
ARCHIVED = "Archived"

RUN_REQUEST = "forebay.dev/run"  # annotation: a new value asks for one more run
RECONCILE = "forebay.dev/reconcile"  # annotation: PAUSED leaves the object alone
PAUSED = "paused"
BASE_DIR = (
    "forebay.dev/base-dir"  # annotation of a DataStore: folder that a relative url starts from
)


def owner_labels(owner: Obj) -> dict[str, str]:
    """The labels that lead from a child, or a pod of a child, to the object it is made for."""
    meta = owner["metadata"]
    return {
        MANAGED_BY: "forebay",
        OWNER_UID: meta["uid"],
        OWNER_KIND: owner["kind"],
        OWNER_NAME: label_value(meta["name"]),
    }


def owner_reference(owner: Obj) -> dict[str, Any]:
    """Lets the garbage collector take the child when the owner goes, with or without an operator."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": False,
    }


def child_meta(
    owner: Obj,
    name: str,
    settings: Settings,
    *,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """`metadata` of a child of `owner`: name, namespace, labels, owner reference."""
    meta: dict[str, Any] = {
        "name": name,
        "namespace": owner["metadata"].get("namespace", "default"),
        "labels": {**settings.labels, **(labels or {}), **owner_labels(owner)},
        "ownerReferences": [owner_reference(owner)],
    }
    if annotations:
        meta["annotations"] = dict(annotations)
    return meta


def labels_of(obj: Obj) -> Mapping[str, str]:
    """An object's labels; empty when it has none."""
    labels: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return labels


def annotations_of(obj: Obj) -> Mapping[str, str]:
    """An object's annotations; empty when it has none."""
    notes: Mapping[str, str] = obj["metadata"].get("annotations") or {}
    return notes


def is_paused(obj: Obj) -> bool:
    """Whether the object asks to be left alone."""
    return annotations_of(obj).get(RECONCILE) == PAUSED


def is_child_of(obj: Obj, owner: Obj) -> bool:
    """Whether `obj` was made for exactly this `owner`, not for an earlier object of the same name."""
    return labels_of(obj).get(OWNER_UID) == str(owner["metadata"]["uid"])
