"""A DataStore as a pod sees it: the contract's StoreRef, and its Secrets as files. Values are never read.

Called by the builders of stage, serve and probe documents and of their pods.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.claim import claim_of, claim_volumes, folder
from forebay.manifests.labels import BASE_DIR, annotations_of
from forebay.manifests.names import child_name
from forebay.settings import Settings
from forebay_workloads.contract import SECRETS_DIR, StoreRef


def store_ref(datastore: Obj, settings: Settings) -> StoreRef:
    """What a stage is told about a DataStore: absolute addresses, and where its credentials are mounted."""
    name, spec = datastore["metadata"]["name"], datastore["spec"]
    kind = spec["type"]
    block = {key: value for key, value in (spec.get(kind) or {}).items() if key != "claim"}
    if spec.get("tls") is not None:
        block["tls"] = dict(spec["tls"])
    return StoreRef(
        name=name,
        type=kind,
        settings=_absolute(kind, block, datastore, settings),
        limits=dict(spec.get("limits") or {}),
        secrets=f"{SECRETS_DIR}/{name}" if _sources(spec) else None,
    )


def _absolute(
    kind: str, block: dict[str, Any], datastore: Obj, settings: Settings
) -> dict[str, Any]:
    """Settings with no relative address left: the pod's working folder must not matter."""
    claim = claim_of(datastore, settings)
    root = folder(claim, settings) if claim else settings.state_dir
    if kind == "embedded":
        name = f"{datastore['metadata']['name']}.db"
        path = block.get("path") or f"stores/{name}"
        return {**block, "path": absolute_url(str(path), root)}
    if kind == "cassandra" and "k8ssandraRef" in block:
        return {**block, "contactPoints": [_k8ssandra_service(block)]}
    if kind == "files":
        base = root if claim else annotations_of(datastore).get(BASE_DIR, root)
        return {**block, "url": absolute_url(str(block.get("url", "")), base)}
    return block


def _k8ssandra_service(block: Mapping[str, Any]) -> str:
    """The Service that K8ssandra makes for the nodes of a data centre."""
    return f"{block['k8ssandraRef']['name']}-{block.get('localDatacenter', 'datacenter1')}-service:9042"


def absolute_url(url: str, base: str) -> str:
    """A URL as it is; a relative path joined to the folder `base`."""
    return url if "://" in url else str(PurePosixPath(base) / url)


def store_volumes(datastores: Iterable[Obj], settings: Settings) -> tuple[list[Obj], list[Obj]]:
    """Volumes and mounts of all that a pod needs to use these DataStores: their Secrets and their claims."""
    stores = tuple(datastores)
    secrets, secret_mounts = secret_volumes(stores)
    claims, claim_mounts = claim_volumes(stores, settings)
    return [*secrets, *claims], [*secret_mounts, *claim_mounts]


def secret_volumes(datastores: Iterable[Obj]) -> tuple[list[Obj], list[Obj]]:
    """Volumes and mounts that show each DataStore's Secrets below SECRETS_DIR/<datastore>/, one file per key."""
    volumes: list[Obj] = []
    mounts: list[Obj] = []
    for store in datastores:
        sources = _sources(store["spec"])
        if not sources:
            continue
        name = child_name("secret", store["metadata"]["name"])
        volumes.append({"name": name, **_volume(sources)})
        path = f"{SECRETS_DIR}/{store['metadata']['name']}"
        mounts.append({"name": name, "mountPath": path, "readOnly": True})
    return volumes, mounts


def secret_names(datastore: Obj) -> list[str]:
    """Names of the Secrets that a DataStore needs."""
    return [source["name"] for source in _sources(datastore["spec"])]


def login_names(spec: Mapping[str, Any]) -> list[str]:
    """Names of the Secrets that say who we are, and maybe where the store is; the first one's keys win."""
    block = spec.get(spec["type"]) or {}
    auth = (spec.get("auth") or {}).get("secretRef")
    binding, cluster = block.get("serviceBindingRef"), block.get("k8ssandraRef")
    named = [auth["name"]] if auth else []
    if binding:
        named.append(binding["name"])
    if cluster and not auth:
        named.append(f"{cluster['name']}-superuser")
    return named


def _sources(spec: Mapping[str, Any]) -> list[Obj]:
    tls = spec.get("tls") or {}
    ca, client = tls.get("caSecretRef"), tls.get("clientSecretRef")
    sources: list[Obj] = [{"name": name} for name in reversed(login_names(spec))]
    if client:
        sources.append({"name": client["name"]})
    if ca:
        key = ca.get("key", "ca.crt")
        sources.append({"name": ca["name"], "items": [{"key": key, "path": "ca.crt"}]})
    return sources


def _volume(sources: list[Obj]) -> Obj:
    """One Secret is a plain volume; several share a folder through a projected one."""
    if len(sources) > 1:
        return {"projected": {"sources": [{"secret": source} for source in sources]}}
    (only,) = sources
    items = {"items": only["items"]} if "items" in only else {}
    return {"secret": {"secretName": only["name"], **items}}
