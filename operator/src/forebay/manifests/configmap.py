"""ConfigMaps that hold one document for a pod. Called by the builders that mount them."""

from __future__ import annotations

from collections.abc import Mapping

from forebay.kube.port import Obj
from forebay.manifests.labels import child_meta
from forebay.settings import Settings


def config_map(
    owner: Obj,
    name: str,
    data: Mapping[str, str],
    settings: Settings,
    *,
    labels: Mapping[str, str] | None = None,
) -> Obj:
    """An immutable ConfigMap: what a pod was told does not change while it runs."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": child_meta(owner, name, settings, labels=labels),
        "immutable": True,
        "data": dict(data),
    }
