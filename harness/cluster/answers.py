"""Whether the API server and the kubelet answer. Asked over HTTP: kubectl in a loop would take a whole core."""

from __future__ import annotations

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from harness.cluster.layout import API_PORT, KUBELET_HEALTH, NODE, Layout

_PATIENCE = 3  # seconds for one answer


def api_server(layout: Layout) -> bool:
    """Whether the API server says that it is ready."""
    return _get(layout, "/readyz") is not None


def node(layout: Layout) -> bool:
    """Whether the node is ready, and its kubelet too: what the API server knows may be old."""
    found = _get(layout, f"/api/v1/nodes/{NODE}")
    return found is not None and is_ready(json.loads(found)) and _read(KUBELET_HEALTH) is not None


def is_ready(node: dict[str, Any]) -> bool:
    """Whether a Node object says so. Pure."""
    conditions = node.get("status", {}).get("conditions", [])
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _get(layout: Layout, path: str) -> bytes | None:
    """The API server's answer to the administrator; None for an error."""
    if not layout.certificate("admin").exists():
        return None
    context = ssl.create_default_context(cafile=layout.certificate("ca"))
    context.load_cert_chain(layout.certificate("admin"), layout.key("admin"))
    return _read(f"https://127.0.0.1:{API_PORT}{path}", context)


def _read(url: str, context: ssl.SSLContext | None = None) -> bytes | None:
    # No proxy: a machine's settings for the world outside do not hold for itself.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )
    try:
        with opener.open(url, timeout=_PATIENCE) as answer:
            return bytes(answer.read())
    except (urllib.error.URLError, OSError):
        return None
