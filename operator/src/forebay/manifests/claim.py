"""Claims: PersistentVolumeClaims of a cluster that hold stores which are files. The embedded plane has none.

Called by the DataStore's plan, which makes a missing one, and by stores.py for the pods that mount it.
A claim has no owner: data outlives the objects that wrote it. Whoever made it, it is never changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from forebay.kube.port import PVC, Obj, Ref
from forebay.manifests.labels import MANAGED_BY
from forebay.manifests.names import child_name
from forebay.settings import Settings


@dataclass(frozen=True)
class Claim:
    """The claim that a DataStore asks for; size and class count only while it is not there."""

    name: str
    size: str
    storage_class: str  # "": the cluster's default


def claim_of(datastore: Obj, settings: Settings) -> Claim | None:
    """The claim that a DataStore lives on; None when it is a server, another address, or of this machine."""
    kind = datastore["spec"]["type"]
    block: Mapping[str, Any] = datastore["spec"].get(kind) or {}
    if settings.plane == "embedded" or not _lives_on_a_claim(kind, block):
        return None
    wished = block.get("claim") or {}
    return Claim(
        name=wished.get("name") or settings.claim,
        size=wished.get("size") or settings.claim_size,
        storage_class=wished.get("storageClassName") or settings.storage_class,
    )


def _lives_on_a_claim(kind: str, block: Mapping[str, Any]) -> bool:
    return kind == "embedded" or (kind == "files" and _is_relative(str(block.get("url", ""))))


def _is_relative(address: str) -> bool:
    """Whether an address is a path that starts from a folder it does not name."""
    return "://" not in address and not address.startswith("/")


def claim_ref(datastore: Obj, settings: Settings) -> Ref | None:
    """The PersistentVolumeClaim that a DataStore needs; None when it needs none."""
    claim = claim_of(datastore, settings)
    namespace = datastore["metadata"].get("namespace", "default")
    return Ref(PVC, namespace, claim.name) if claim else None


def folder(claim: Claim, settings: Settings) -> str:
    """Where the claim is mounted in every pod that uses it."""
    return str(PurePosixPath(settings.state_dir) / claim.name)


def claim_object(datastore: Obj, claim: Claim, settings: Settings) -> Obj:
    """The PersistentVolumeClaim as it is made where it is missing: for the pods of one node at a time."""
    spec: Obj = {
        "accessModes": ["ReadWriteOnce"],
        "resources": {"requests": {"storage": claim.size}},
    }
    if claim.storage_class:
        spec["storageClassName"] = claim.storage_class
    return {
        "apiVersion": PVC.api_version,
        "kind": PVC.kind,
        "metadata": {
            "name": claim.name,
            "namespace": datastore["metadata"].get("namespace", "default"),
            "labels": {**settings.labels, MANAGED_BY: "forebay"},
        },
        "spec": spec,
    }


def claim_volumes(datastores: Iterable[Obj], settings: Settings) -> tuple[list[Obj], list[Obj]]:
    """Volumes and mounts of the claims of these DataStores, each claim once."""
    found = (claim_of(store, settings) for store in datastores)
    claims = {claim.name: claim for claim in found if claim}
    volumes: list[Obj] = []
    mounts: list[Obj] = []
    for name, claim in sorted(claims.items()):
        volume = child_name("claim", name)
        volumes.append({"name": volume, "persistentVolumeClaim": {"claimName": name}})
        mounts.append({"name": volume, "mountPath": folder(claim, settings)})
    return volumes, mounts
