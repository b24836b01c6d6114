"""Training in several pods: an Indexed Job whose pods find each other by name. Pure; called by workload.py.

The rendezvous is torchrun's static one: every pod knows the address of the first one, how many they are and,
from its completion index, which one it is. A headless Service gives each pod a name before it is ready.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

from forebay.kube.port import Obj
from forebay.manifests.labels import child_meta
from forebay.settings import Settings
from forebay_workloads.contract import (
    ADDRESS_ENV,
    EXIT_PEER,
    PORT_ENV,
    RANK_ENV,
    WORLD_ENV,
)

INDEX = "batch.kubernetes.io/job-completion-index"  # annotation and label of an Indexed Job's pods
PORT = 29500  # torchrun's own
_LOCAL_PORTS, _LOCAL_FIRST = 10_000, 20_000  # below those that systems hand out by themselves


def node_count(block: Mapping[str, Any]) -> int:
    """How many pods work on a stage together."""
    return int(block.get("nodes") or 1)


def indexed(job: Obj, nodes: int, first: str, settings: Settings, *, subdomain: str = "") -> Obj:
    """The Job as `nodes` pods at the same time. `first` is the name of the first one among them."""
    template = job["spec"]["template"]
    (main,) = template["spec"]["containers"]
    ours = _environment(job, nodes, first, settings)
    names = {item["name"] for item in ours}
    env = [*(e for e in main.get("env") or [] if e["name"] not in names), *ours]
    pod = {**template["spec"], "containers": [{**main, "env": env}]}
    if subdomain:
        pod["subdomain"] = subdomain
    spec = {
        **job["spec"],
        "completionMode": "Indexed",
        "completions": nodes,
        "parallelism": nodes,
        "podFailurePolicy": _forgiving(job["spec"]["podFailurePolicy"], main["name"]),
        "template": {**template, "spec": pod},
    }
    return {**job, "spec": spec}


def subdomain_of(job: str) -> str:
    """The name of the Service for a Job's pods: the Job's, but a Service's begins with a letter."""
    return job if job[:1].isalpha() else f"x{job}"


def headless_service(run: Obj, job: Obj, settings: Settings) -> Obj:
    """The Service without an address that gives the Job's pods their names."""
    name = subdomain_of(job["metadata"]["name"])
    meta = child_meta(run, name, settings, labels=dict(job["metadata"]["labels"]))
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {
            "clusterIP": "None",
            "publishNotReadyAddresses": True,
            "selector": {"batch.kubernetes.io/job-name": job["metadata"]["name"]},
            "ports": [{"name": "rendezvous", "port": PORT, "protocol": "TCP"}],
        },
    }


def _environment(job: Obj, nodes: int, first: str, settings: Settings) -> list[Obj]:
    """What torchrun would tell its workers, with one worker in each pod."""
    local = settings.plane == "embedded"
    here = {"fieldRef": {"fieldPath": f"metadata.annotations['{INDEX}']"}}
    return [
        {"name": ADDRESS_ENV, "value": "127.0.0.1" if local else first},
        {"name": PORT_ENV, "value": str(_local_port(job) if local else PORT)},
        {"name": WORLD_ENV, "value": str(nodes)},
        {"name": RANK_ENV, "valueFrom": here},
        {"name": "LOCAL_RANK", "value": "0"},
        {"name": "LOCAL_WORLD_SIZE", "value": "1"},
    ]


def _local_port(job: Obj) -> int:
    """Processes of one machine share its ports: each training has one of its own, the same in every pass."""
    owner = job["metadata"]["ownerReferences"][0]["uid"]
    return _LOCAL_FIRST + zlib.crc32(str(owner).encode()) % _LOCAL_PORTS


def _forgiving(policy: Obj, container: str) -> Obj:
    """A pod that ended because another one did counts for nothing: that other one is counted."""
    codes = {"containerName": container, "operator": "In", "values": [EXIT_PEER]}
    return {"rules": [*policy["rules"], {"action": "Ignore", "onExitCodes": codes}]}
