"""Whether the Secrets that an object names are there, and which versions of them. Values are never looked at.

Called by the plans of DataStores and ModelDeployments. A Secret is observed with its keys at most.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from forebay.kube.port import SECRET, Obj, Ref
from forebay.manifests.names import short_hash
from forebay.manifests.stores import login_names, secret_names
from forebay.plan.types import Observed
from forebay_workloads import credentials


def _secret(observed: Observed, name: str) -> Obj | None:
    namespace = observed.object["metadata"].get("namespace", "default")
    return observed.related.get(Ref(SECRET, namespace, name))


def missing_secret(store: Obj, observed: Observed) -> str | None:
    """What lacks of a DataStore's Secrets, naming Secret and key; None when nothing does."""
    return next(filter(None, _problems(store["spec"], observed)), None)


def _problems(spec: Mapping[str, Any], observed: Observed) -> Iterator[str | None]:
    kind, tls = spec["type"], spec.get("tls") or {}
    for name in login_names(spec):
        yield missing_keys(observed, name)
    if auth := (spec.get("auth") or {}).get("secretRef"):
        yield _lacks(observed, auth["name"], partial(credentials.lacking, kind))
    if ca := tls.get("caSecretRef"):
        yield missing_keys(observed, ca["name"], (ca.get("key", "ca.crt"),))
    if client := tls.get("clientSecretRef"):
        yield missing_keys(observed, client["name"])
        yield _lacks(observed, client["name"], partial(credentials.lacks_certificate, kind))


def _lacks(
    observed: Observed, name: str, lacks: Callable[[Collection[str]], str | None]
) -> str | None:
    present = (_secret(observed, name) or {}).get("data")
    said = lacks(present) if present is not None else None
    return f"Secret {name!r} {said}" if said else None


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


def secret_versions(store: Obj, observed: Observed, more: Iterable[str] = ()) -> str:
    """A hash that changes when a Secret of the DataStore, or one of `more`, is rotated; "" without Secrets."""
    names = [*secret_names(store), *more]
    seen = ((name, _secret(observed, name)) for name in names)
    parts = [f"{name}@{s['metadata'].get('resourceVersion', '')}" for name, s in seen if s]
    return short_hash(*parts, length=8) if parts else ""
