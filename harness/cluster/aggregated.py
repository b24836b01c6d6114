"""An API that a program on the machine itself serves below the API server: its Service, endpoint and registration.

Used by metrics_server.py and keda.py. Pure: they apply what is made here.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

from harness.cluster.layout import HOST


def objects(group: str, version: str, service: str, port: int, ca: Path) -> list[dict[str, Any]]:
    """What makes `group`/`version` be answered by port `port` of the machine; `ca` signed its certificate."""
    namespace, _, name = service.rpartition("/")
    where = {"namespace": namespace, "name": name}
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": dict(where),
            "spec": {"ports": [{"name": "https", "port": 443, "targetPort": port}]},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {**where, "labels": {"kubernetes.io/service-name": name}},
            "addressType": "IPv4",
            "ports": [{"name": "https", "port": port, "protocol": "TCP"}],
            "endpoints": [{"addresses": [HOST], "conditions": {"ready": True}}],
        },
        {
            "apiVersion": "apiregistration.k8s.io/v1",
            "kind": "APIService",
            "metadata": {"name": f"{version}.{group}"},
            "spec": {
                "group": group,
                "version": version,
                "service": {**where, "port": 443},
                "groupPriorityMinimum": 100,
                "versionPriority": 100,
                "caBundle": base64.b64encode(ca.read_bytes()).decode(),
            },
        },
    ]
