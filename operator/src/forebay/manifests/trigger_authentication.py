"""KEDA's TriggerAuthentication: which keys of a DataStore's Secrets open the broker. Values are never read here.

Called by scaled_object.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from forebay.kube.port import TRIGGER_AUTHENTICATION, Obj
from forebay.manifests.labels import child_meta
from forebay.settings import Settings


def trigger_authentication(owner: Obj, broker: Obj, settings: Settings) -> Obj | None:
    """What KEDA must be shown to ask `broker` for the lag; None where it asks for nothing."""
    shown = [
        {"parameter": parameter, "name": secret, "key": key}
        for parameter, secret, key in _keys(broker)
    ]
    if not shown:
        return None
    return {
        "apiVersion": TRIGGER_AUTHENTICATION.api_version,
        "kind": TRIGGER_AUTHENTICATION.kind,
        "metadata": child_meta(owner, owner["metadata"]["name"], settings),
        "spec": {"secretTargetRef": shown},
    }


def _keys(broker: Obj) -> Iterator[tuple[str, str, str]]:
    """KEDA's parameter, the Secret and its key."""
    spec = broker["spec"]
    tls = spec.get("tls") or {}
    if (spec.get("kafka") or {}).get("saslMechanism") and spec.get("auth"):
        secret = spec["auth"]["secretRef"]["name"]
        yield "username", secret, "username"
        yield "password", secret, "password"
    if ca := tls.get("caSecretRef"):
        yield "ca", ca["name"], ca.get("key", "ca.crt")
    if client := tls.get("clientSecretRef"):
        yield "cert", client["name"], "tls.crt"
        yield "key", client["name"], "tls.key"
