"""Volumes of the bare cluster: folders of the state folder, made in advance, for there is no provisioner.

A claim that is deleted leaves its volume Released; `reset` empties such volumes and gives them back.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.cluster.layout import NODE, VOLUME_SIZE, VOLUMES, Layout
from harness.shell import run

CLASS = "local"
_ANYBODY = 0o777  # pods run as a user of their own, which the machine does not know


def objects(layout: Layout) -> Iterator[dict[str, Any]]:
    """The default StorageClass and its volumes. Pure."""
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": CLASS,
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": [NODE]}
    for number in range(VOLUMES):
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"local-{number:03d}"},
            "spec": {
                "capacity": {"storage": VOLUME_SIZE},
                "accessModes": ["ReadWriteOnce", "ReadWriteMany"],
                "storageClassName": CLASS,
                "persistentVolumeReclaimPolicy": "Retain",
                "local": {"path": str(_folder(layout, number))},
                "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
            },
        }


def _folder(layout: Layout, number: int) -> Path:
    return layout.root / "volumes" / f"{number:03d}"


def make(layout: Layout, kubectl: list[str]) -> None:
    """Makes class, volumes and their folders; what is there stays as it is."""
    for number in range(VOLUMES):
        folder = layout.folder("volumes", f"{number:03d}")
        folder.chmod(_ANYBODY)
    listed = {"apiVersion": "v1", "kind": "List", "items": list(objects(layout))}
    run(*kubectl, "apply", "--server-side", "-f", "-", text=json.dumps(listed))


def reset(kubectl: list[str]) -> int:
    """Empties the volumes whose claims are gone and makes them available again; returns how many."""
    found = json.loads(run(*kubectl, "get", "pv", "-o", "json"))["items"]
    released = [
        pv for pv in found if pv["status"].get("phase") == "Released" and "local" in pv["spec"]
    ]
    for volume in released:
        _empty(Path(volume["spec"]["local"]["path"]))
        free = '{"spec": {"claimRef": null}}'
        run(*kubectl, "patch", "pv", volume["metadata"]["name"], "--type=merge", "-p", free)
    return len(released)


def _empty(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    os.chown(folder, 0, 0)  # the kubelet gave it to the group of the pods that used it
    folder.chmod(_ANYBODY)
