"""Pods as children of Jobs and Deployments. Pure; used by the controllers."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Sequence

from forebay.kube.port import Obj
from forebay.local.worker import FINALIZER
from forebay.manifests.nodes import INDEX

TEMPLATE_HASH = "pod-template-hash"


def owned_pods(owner: Obj, pods: Sequence[Obj]) -> list[Obj]:
    """The pods that name this owner, oldest first."""
    uid = owner["metadata"]["uid"]
    mine = [
        pod
        for pod in pods
        if any(ref["uid"] == uid for ref in pod["metadata"].get("ownerReferences") or [])
    ]
    return sorted(mine, key=_age)


def _age(pod: Obj) -> tuple[str, int, str]:
    name = pod["metadata"]["name"]  # numbered: -9 is before -10
    return pod["metadata"].get("creationTimestamp", ""), len(name), name


def child_pod(owner: Obj, name: str, index: int | None = None) -> Obj:
    """A Pod from the owner's template, with its index of an Indexed Job. It stays until its process is gone."""
    template = copy.deepcopy(owner["spec"]["template"])
    meta = template.get("metadata") or {}
    place = {} if index is None else {INDEX: str(index)}
    reference = {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": owner["metadata"]["namespace"],
            "labels": {**(meta.get("labels") or {}), **place, TEMPLATE_HASH: template_hash(owner)},
            "annotations": {**(meta.get("annotations") or {}), **place},
            "ownerReferences": [reference],
            "finalizers": [FINALIZER],
        },
        "spec": template["spec"],
    }


def template_hash(owner: Obj) -> str:
    """Ten hex digits that change with the pod template."""
    text = json.dumps(owner["spec"]["template"], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:10]
