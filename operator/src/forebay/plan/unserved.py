"""Fields of a ModelDeployment that this version does not honour, each with what happens instead.

Nothing is ignored in silence: the plan puts these sentences into the Warning condition.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_BLOCKS = {
    "stream": "no records are scored from a stream",
    "features": "a request must carry all its features",
    "sink": "predictions are answered and not stored",
    "autoscaling": "replicas.min pods run",
    "monitoring": "requests are not kept and drift is not measured",
}


def unserved(spec: Mapping[str, Any]) -> list[str]:
    """One sentence for each such field that is set."""
    said = [f"spec.{field}: {instead}" for field, instead in _BLOCKS.items() if spec.get(field)]
    if spec.get("profile") == "Edge":
        said.append("spec.profile Edge: it is served as on a cluster, nothing is buffered")
    rollout, replicas = spec.get("rollout") or {}, spec.get("replicas") or {}
    if rollout.get("strategy") == "Canary":
        said.append(
            "spec.rollout.strategy Canary: rolled out as Rolling, after its probes, without steps"
        )
    if rollout.get("predictions", "Keep") != "Keep":
        said.append(f"spec.rollout.predictions {rollout['predictions']}: predictions are kept")
    if (
        replicas.get("max")
        and replicas["max"] != replicas.get("min", 1)
        and not spec.get("autoscaling")
    ):
        said.append("spec.replicas.max: without autoscaling replicas.min pods run")
    if (spec.get("rest") or {}).get("auth"):
        said.append("spec.rest.auth: the keys are mounted, but callers are not asked for them")
    if (spec.get("rest") or {}).get("enabled") is False:
        said.append("spec.rest.enabled false: the REST service runs")
    return said
