"""What of an object is remembered: what some plan reads, and nothing else. Pure. Called by cached.py and drift.py.

A pod as the API tells it is ten times what is looked at; with thousands of children that is the operator's
memory. What is compared before an apply is cut in the same way, so a digest stands for a document's text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from forebay.kube.port import CONFIG_MAP, FIELD_MANAGER, JOB, POD, Kind, Obj, kind_of

_META = (
    "name",
    "namespace",
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "labels",
    "annotations",
    "ownerReferences",
)
_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
_JOB_SPEC = ("suspend", "parallelism", "completions", "completionMode", "backoffLimit")
_POD_SPEC = ("nodeName",)
_POD_STATUS = ("phase", "reason", "message", "conditions", "containerStatuses", "startTime")
_CONDITION = ("type", "status", "reason", "message")
_CONTAINER = ("name", "image", "ready", "restartCount", "state", "lastState", "resources")
_DIGEST = 16  # hexadecimal digits


def slim(obj: Obj) -> Obj:
    """The part of the object that is remembered; the object itself is not changed."""
    return {**_BODY.get(kind_of(obj), _whole)(obj), "metadata": _meta(obj["metadata"])}


def _meta(meta: Mapping[str, Any]) -> Obj:
    kept: Obj = {key: meta[key] for key in _META if meta.get(key)}
    notes = {k: v for k, v in (meta.get("annotations") or {}).items() if k != _KUBECTL}
    if notes:
        kept["annotations"] = notes
    else:
        kept.pop("annotations", None)
    ours = [entry for entry in meta.get("managedFields") or [] if _is_our_apply(entry)]
    if ours:
        kept["managedFields"] = ours
    return kept


def _is_our_apply(entry: Mapping[str, Any]) -> bool:
    """What we own of the object itself: needed to see that a field which we no longer wish has to go."""
    return (
        entry.get("manager") == FIELD_MANAGER
        and entry.get("operation") == "Apply"
        and not entry.get("subresource")
    )


def _whole(obj: Obj) -> Obj:
    return obj


def _job(obj: Obj) -> Obj:
    return {**obj, "spec": _some(obj.get("spec"), _JOB_SPEC)}


def _pod(obj: Obj) -> Obj:
    head = {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
    spec, status = _some(obj.get("spec"), _POD_SPEC), _some(obj.get("status"), _POD_STATUS)
    for name, keys in (("conditions", _CONDITION), ("containerStatuses", _CONTAINER)):
        if name in status:
            status[name] = [_some(entry, keys) for entry in status[name]]
    return {**head, "spec": spec, "status": status}


def _config_map(obj: Obj) -> Obj:
    texts = obj.get("data") or {}
    return {**obj, "data": {name: _digest(text) for name, text in texts.items()}}


def _some(part: Mapping[str, Any] | None, keys: tuple[str, ...]) -> Obj:
    return {key: part[key] for key in keys if key in part} if part else {}


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]


_BODY: Mapping[Kind, Callable[[Obj], Obj]] = {JOB: _job, POD: _pod, CONFIG_MAP: _config_map}
