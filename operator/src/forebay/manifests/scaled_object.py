"""KEDA's ScaledObject of a ModelDeployment: its pods follow requests in progress, or the lag of its stream.

Called by plan/scaling.py where KEDA is installed. Requests are read from the pods themselves, behind the
Service, so that no Prometheus is needed.
"""

from __future__ import annotations

import math

from forebay.kube.port import SCALED_OBJECT, Obj
from forebay.manifests.autoscaler import bounds
from forebay.manifests.deployment import CONTAINER_PORT
from forebay.manifests.labels import child_meta
from forebay.manifests.trigger_authentication import trigger_authentication
from forebay.settings import Settings
from forebay_workloads.contract import REQUESTS_IN_PROGRESS

_SASL = {
    "PLAIN": "plaintext",
    "SCRAM-SHA-256": "scram_sha256",
    "SCRAM-SHA-512": "scram_sha512",
}  # KEDA's words for them


def concurrency_scaler(owner: Obj, deployment: str, settings: Settings) -> Obj:
    """Pods for `autoscaling.target` requests at the same time each, summed over all pods of the Service."""
    meta = owner["metadata"]
    host = f"{meta['name']}.{meta.get('namespace', 'default')}.svc"
    trigger = {
        "type": "metrics-api",
        "metricType": "AverageValue",
        "metadata": {
            "url": f"http://{host}:{CONTAINER_PORT}/metrics",
            "format": "prometheus",
            "valueLocation": REQUESTS_IN_PROGRESS,
            "targetValue": _target(owner),
            "aggregateFromKubeServiceEndpoints": "true",
            "aggregationType": "sum",
        },
    }
    return _scaled_object(owner, deployment, trigger, settings)


def lag_scaler(owner: Obj, deployment: str, broker: Obj, settings: Settings) -> tuple[Obj, ...]:
    """Pods for `autoscaling.target` waiting records each; `broker` is the DataStore of the stream.

    Where the broker asks who we are, the object that shows KEDA the Secret comes before it.
    """
    source, kafka = owner["spec"]["stream"]["from"], broker["spec"]["kafka"]
    trigger: Obj = {
        "type": "kafka",
        "metricType": "AverageValue",
        "metadata": {
            "bootstrapServers": ",".join(kafka["bootstrapServers"]),
            "consumerGroup": source.get("group") or owner["metadata"]["name"],
            "topic": source["topic"],
            "lagThreshold": str(max(1, math.ceil(float(_target(owner))))),
        },
    }  # a group that has committed nothing yet counts as one record: nobody is known to work on the rest
    if mechanism := kafka.get("saslMechanism"):
        trigger["metadata"]["sasl"] = _SASL[mechanism]
    if broker["spec"].get("tls") is not None:
        trigger["metadata"]["tls"] = "enable"
    shown = trigger_authentication(owner, broker, settings)
    if shown is None:
        return (_scaled_object(owner, deployment, trigger, settings),)
    trigger["authenticationRef"] = {"name": shown["metadata"]["name"]}
    return shown, _scaled_object(owner, deployment, trigger, settings)


def _target(owner: Obj) -> str:
    return str(owner["spec"]["autoscaling"]["target"])


def _scaled_object(owner: Obj, deployment: str, trigger: Obj, settings: Settings) -> Obj:
    fewest, most = bounds(owner)
    return {
        "apiVersion": SCALED_OBJECT.api_version,
        "kind": SCALED_OBJECT.kind,
        "metadata": child_meta(owner, owner["metadata"]["name"], settings),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment},
            "minReplicaCount": fewest,
            "maxReplicaCount": most,
            "triggers": [trigger],
        },
    }
