"""The HorizontalPodAutoscaler of a ModelDeployment: its pods follow the CPU that they use.

Called by plan/scaling.py where KEDA, which measures what the spec asks for, is not installed.
"""

from __future__ import annotations

from forebay.kube.port import HPA, Obj
from forebay.manifests.labels import child_meta
from forebay.settings import Settings

CPU_PERCENT = 80  # of the requested CPU, on average over the pods


def bounds(owner: Obj) -> tuple[int, int]:
    """Fewest and most pods."""
    replicas = owner["spec"].get("replicas") or {}
    fewest = int(replicas.get("min", 1))
    return fewest, max(fewest, int(replicas.get("max") or fewest))


def cpu_autoscaler(owner: Obj, deployment: str, settings: Settings) -> Obj:
    """Keeps the Deployment named `deployment` between the spec's bounds."""
    fewest, most = bounds(owner)
    aim = {"type": "Utilization", "averageUtilization": CPU_PERCENT}
    return {
        "apiVersion": HPA.api_version,
        "kind": HPA.kind,
        "metadata": child_meta(owner, owner["metadata"]["name"], settings),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "minReplicas": fewest,
            "maxReplicas": most,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": aim}}],
        },
    }
