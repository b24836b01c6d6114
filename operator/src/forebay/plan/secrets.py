"""Whether the Secrets that an object names are there, and which versions of them. Values are never looked at.

Called by the plans of DataStores and ModelDeployments. A Secret is observed with its keys at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forebay.kube.port import SECRET, Obj, Ref
from forebay.manifests.names import short_hash
from forebay.manifests.stores import secret_names
from forebay.plan.types import Observed

_AUTH_KEYS = ("username", "password")


def _secret(observed: Observed, name: str) -> Obj | None:
    namespace = observed.object["metadata"].get("namespace", "default")
    return observed.related.get(Ref(SECRET, namespace, name))


def missing_secret(store: Obj, observed: Observed) -> str | None:
    """What lacks of a DataStore's Secrets, naming Secret and key; None when nothing does."""
    for name, keys in _needs(store["spec"]):
        if (problem := missing_keys(observed, name, keys)) is not None:
            return problem
    return None


def missing_keys(observed: Observed, name: str, keys: Iterable[str] = ()) -> str | None:
    """What lacks of one Secret; None when it is there with all `keys` (as far as its keys were observed)."""
    secret = _secret(observed, name)
    if secret is None:
        return f"Secret {name!r} does not exist"
    present: Mapping[str, Any] | None = secret.get("data")
    if present is None:
        return None
    absent = [key for key in keys if key not in present]
    return f"Secret {name!r} has no key {absent[0]!r}" if absent else None


def _needs(spec: Mapping[str, Any]) -> Iterator[tuple[str, tuple[str, ...]]]:
    if auth := (spec.get("auth") or {}).get("secretRef"):
        yield auth["name"], _AUTH_KEYS
    if ca := (spec.get("tls") or {}).get("caSecretRef"):
        yield ca["name"], (ca.get("key", "ca.crt"),)


def secret_versions(store: Obj, observed: Observed, more: Iterable[str] = ()) -> str:
    """A hash that changes when a Secret of the DataStore, or one of `more`, is rotated; "" without Secrets."""
    names = [*secret_names(store), *more]
    seen = ((name, _secret(observed, name)) for name in names)
    parts = [f"{name}@{s['metadata'].get('resourceVersion', '')}" for name, s in seen if s]
    return short_hash(*parts, length=8) if parts else ""
