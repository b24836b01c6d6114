"""Pods as children of Jobs and Deployments. Pure; used by the controllers."""

from __future__ import annotations

import copy
import hashlib
import json

from forebay.kube.port import Obj
from forebay.local.worker import FINALIZER

TEMPLATE_HASH = "pod-template-hash"


def owned_pods(owner: Obj, pods: list[Obj]) -> list[Obj]:
    """The pods that name this owner."""
    uid = owner["metadata"]["uid"]
    return [
        p for p in pods if any(o["uid"] == uid for o in p["metadata"].get("ownerReferences", []))
    ]


def child_pod(owner: Obj, name: str) -> Obj:
    """A Pod from the owner's template."""
    template = copy.deepcopy(owner["spec"]["template"])
    meta = template.get("metadata", {})
    labels = {**meta.get("labels", {}), TEMPLATE_HASH: template_hash(owner)}
    reference = {
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"], "controller": True,
    }  # fmt: skip
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": labels,
            "annotations": meta.get("annotations", {}),
            "ownerReferences": [reference],
            "finalizers": [FINALIZER],
        },
        "spec": template["spec"],
    }


def template_hash(owner: Obj) -> str:
    """Ten hex digits that change with the pod template."""
    text = json.dumps(owner["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
