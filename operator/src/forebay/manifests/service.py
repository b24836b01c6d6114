"""The Service of a ModelDeployment: one address whose selector names the version that gets the traffic.

Called by the plan of a ModelDeployment. Changing the selector is the switch from one version to the next.
"""

from __future__ import annotations

from forebay.kube.port import Obj
from forebay.manifests.labels import MODEL_VERSION, OWNER_UID, child_meta
from forebay.manifests.names import label_value
from forebay.settings import Settings

PORT_NAME = "http"


def version_selector(owner: Obj, version: str) -> dict[str, str]:
    """The labels of the pods that serve the ModelVersion named `version` for `owner`."""
    return {OWNER_UID: owner["metadata"]["uid"], MODEL_VERSION: label_value(version)}


def service_port(owner: Obj, settings: Settings) -> int:
    """The port that callers use. A cluster's Services have addresses of their own; processes share one."""
    if settings.plane != "embedded":
        return settings.service_port
    return int((owner["spec"].get("rest") or {}).get("port") or settings.service_port)


def service(owner: Obj, version: str, settings: Settings) -> Obj:
    """The Service `<name>`, which leads to the pods of the ModelVersion named `version`."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": child_meta(owner, owner["metadata"]["name"], settings),
        "spec": {
            "type": "ClusterIP",
            "selector": version_selector(owner, version),
            "ports": [
                {
                    "name": PORT_NAME,
                    "port": service_port(owner, settings),
                    "targetPort": PORT_NAME,
                    "protocol": "TCP",
                }
            ],
        },
    }


def service_url(owner: Obj, existing: Obj | None, settings: Settings) -> str:
    """Where the model can be called: the load balancer's address where there is one, else the cluster's name."""
    ingress = (((existing or {}).get("status") or {}).get("loadBalancer") or {}).get(
        "ingress"
    ) or []
    if ingress:
        ports = ingress[0].get("ports") or [{"port": service_port(owner, settings)}]
        return _url(str(ingress[0].get("ip") or ingress[0].get("hostname")), int(ports[0]["port"]))
    meta = owner["metadata"]
    host = f"{meta['name']}.{meta.get('namespace', 'default')}.svc"
    return _url(host, service_port(owner, settings))


def _url(host: str, port: int) -> str:
    host = f"[{host}]" if ":" in host else host
    return f"http://{host}" if port == 80 else f"http://{host}:{port}"  # noqa: PLR2004 - http's own port
