"""Pods of our images: one container that meets the `restricted` Pod Security Standard, whatever the user says.

Called by the builders of Jobs and Deployments. The user's curated `podTemplate` is merged in here; it has no
say about security, commands or volumes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from forebay.kube.port import Obj

TMP = "tmp"
_REQUESTS = {
    "cpu": "100m",
    "memory": "256Mi",
}  # always set: a namespace with a quota refuses pods without
_COPIED = ("nodeSelector", "tolerations", "affinity", "priorityClassName", "runtimeClassName")
_POD_SECURITY = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "runAsGroup": 10001,
    "fsGroup": 10001,
    "fsGroupChangePolicy": "OnRootMismatch",  # a claim with many files is not gone through at every start
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONTAINER_SECURITY = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "seccompProfile": {"type": "RuntimeDefault"},
}


def container(
    name: str,
    image: str,
    command: Sequence[str],
    *,
    template: Mapping[str, Any] | None = None,
    mounts: Sequence[Obj] = (),
    requests: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    env: Sequence[Obj] = (),
    **more: Any,
) -> Obj:
    """A container; `template` is the spec's `podTemplate`, `more` goes in as it is (ports, probes).

    Requests and limits of the template win over `requests` and `limits`; our `env` wins over the template's.
    """
    template = template or {}
    resources = template.get("resources") or {}
    asked = resources.get("limits") or {}
    built: Obj = {
        "name": name,
        "image": image,
        "command": list(command),
        "resources": {"requests": _requests(requests, resources.get("requests"), asked)},
        "securityContext": dict(_CONTAINER_SECURITY),
        "volumeMounts": [{"name": TMP, "mountPath": "/tmp"}, *mounts],  # noqa: S108 - of the container
        "terminationMessagePolicy": "FallbackToLogsOnError",
        **more,
    }
    ceiling = {**(limits or {}), **asked}
    if ceiling:
        built["resources"]["limits"] = ceiling
    ours = {item["name"] for item in env}
    merged = [*(e for e in template.get("env") or [] if e["name"] not in ours), *env]
    if merged:
        built["env"] = merged
    return built


def _requests(
    own: Mapping[str, Any] | None, asked: Mapping[str, Any] | None, limits: Mapping[str, Any]
) -> dict[str, Any]:
    """Requests: ours, then the user's; one that only has a limit is left to follow that limit."""
    base = {k: v for k, v in {**_REQUESTS, **(own or {})}.items() if k not in limits}
    return {**base, **limits, **(asked or {})}


def pod_template(
    main: Obj,
    labels: Mapping[str, str],
    *,
    template: Mapping[str, Any] | None = None,
    volumes: Sequence[Obj] = (),
    annotations: Mapping[str, str] | None = None,
    restart_policy: str | None = None,
    grace_seconds: int = 30,
) -> Obj:
    """A pod template around one container. `labels` are the owner's and win over the user's."""
    template = template or {}
    spec: Obj = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "securityContext": dict(_POD_SECURITY),
        "terminationGracePeriodSeconds": grace_seconds,
        "containers": [main],
        "volumes": [{"name": TMP, "emptyDir": {}}, *volumes],
        **{key: template[key] for key in _COPIED if template.get(key)},
    }
    if restart_policy:
        spec["restartPolicy"] = restart_policy
    meta: Obj = {"labels": {**(template.get("labels") or {}), **labels}}
    notes = {**(template.get("annotations") or {}), **(annotations or {})}
    if notes:
        meta["annotations"] = notes
    return {"metadata": meta, "spec": spec}


def config_map_volume(name: str, config_map: str, path: str) -> tuple[Obj, Obj]:
    """Volume and mount that show a ConfigMap's keys as files below the folder `path`."""
    volume = {"name": name, "configMap": {"name": config_map}}
    return volume, {"name": name, "mountPath": path, "readOnly": True}
