"""The Gateway API's HTTPRoute of a ModelDeployment: a Gateway of its namespace leads to its Service.

Called by the plan of a ModelDeployment where the Gateway API is installed and the spec names a Gateway.
"""

from __future__ import annotations

from typing import Any

from forebay.kube.port import HTTP_ROUTE, Obj
from forebay.manifests.labels import child_meta
from forebay.manifests.service import service_port
from forebay.settings import Settings


def gateway_of(owner: Obj) -> dict[str, Any] | None:
    """The spec's `rest.gateway`; None when it names none."""
    gateway = (owner["spec"].get("rest") or {}).get("gateway")
    return dict(gateway) if gateway else None


def http_route(owner: Obj, gateway: dict[str, Any], settings: Settings) -> Obj:
    """Requests for the gateway's host and path go to the Service `<name>`."""
    parent = {"name": gateway["name"]}
    if listener := gateway.get("listener"):
        parent["sectionName"] = listener
    spec: Obj = {"parentRefs": [parent], "rules": [_rule(owner, gateway, settings)]}
    if host := gateway.get("hostname"):
        spec["hostnames"] = [host]
    return {
        "apiVersion": HTTP_ROUTE.api_version,
        "kind": HTTP_ROUTE.kind,
        "metadata": child_meta(owner, owner["metadata"]["name"], settings),
        "spec": spec,
    }


def _rule(owner: Obj, gateway: dict[str, Any], settings: Settings) -> Obj:
    """A path is taken off again on the way: the model's own routes start at `/`."""
    path = gateway.get("path") or "/"
    backend = {"name": owner["metadata"]["name"], "port": service_port(owner, settings)}
    rule: Obj = {
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
        "backendRefs": [backend],
    }
    if path != "/":
        cut = {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}
        rule["filters"] = [{"type": "URLRewrite", "urlRewrite": {"path": cut}}]
    return rule
