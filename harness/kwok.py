"""Nodes that do not exist, for tests of scale and of accelerators; kwok acts as their kubelets.

`python -m harness.kwok start`, `nodes N [GPUS]`, `stop`. Pods on fake nodes need the toleration `TOLERATION`; what
becomes of them is said in kwok-stages.yaml. kwok is a process of the cluster's state folder and ends with it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from harness import tools
from harness.cluster.control import kubectl
from harness.cluster.layout import Layout
from harness.folders import HERE, state
from harness.processes import Processes
from harness.shell import CommandError, run

_NAME = "kwok"
_MARK = "kwok.x-k8s.io/node"
LABEL = "forebay.dev/fake-node"
"""Every fake node has it, with the value "true": for node selectors, and for `stop`."""
TOLERATION: Mapping[str, str] = {"key": _MARK, "operator": "Exists", "effect": "NoSchedule"}
_READY = "--timeout=60s"


def start(layout: Layout | None = None) -> None:
    """Starts kwok unless it runs."""
    layout = layout or Layout(state())
    processes = Processes(layout)
    if processes.pid(_NAME) is None:
        _forget_leases(layout)
        processes.start(_NAME, [tools.ensure("kwok"), *arguments(layout)])


def arguments(layout: Layout) -> list[str]:
    """It cares for nodes with our mark and no others; leases are cheaper than rewriting nodes' statuses."""
    return [
        f"--kubeconfig={layout.kubeconfig}",
        f"--config={HERE / 'kwok-stages.yaml'}",
        f"--manage-nodes-with-annotation-selector={_MARK}=fake",
        "--node-lease-duration-seconds=40",
    ]


def _forget_leases(layout: Layout) -> None:
    """Those of a kwok that was killed would be waited for until they are over."""
    names = run(*kubectl(layout), "get", "nodes", "-l", LABEL, "-o", "name").split()
    if names:
        leases = [name.replace("node/", "lease/") for name in names]
        run(*kubectl(layout), "delete", "-n", "kube-node-lease", "--ignore-not-found", *leases)


def fake_nodes(count: int, gpus: int = 0, layout: Layout | None = None) -> list[str]:
    """Makes `count` nodes and waits until they are ready; the names. Those with GPUs have another name."""
    layout = layout or Layout(state())
    made = [node(number, gpus) for number in range(count)]
    names: Sequence[str] = [each["metadata"]["name"] for each in made]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    run(*kubectl(layout), "apply", "--server-side", "-f", "-", text=text)
    run(*kubectl(layout), "wait", "--for=condition=Ready", _READY, *(f"node/{n}" for n in names))
    return list(names)


def node(number: int, gpus: int = 0) -> dict[str, Any]:
    """A big machine; with `gpus` one that labels and taints itself as NVIDIA's operator makes it. Pure."""
    name = f"fake-{'gpu-' if gpus else ''}{number:03d}"
    size = {"cpu": "64", "memory": "512Gi", "pods": "500"}
    labels = {LABEL: "true", "kubernetes.io/hostname": name, "kubernetes.io/os": "linux"}
    taints = [{"key": _MARK, "value": "fake", "effect": "NoSchedule"}]
    if gpus:
        size["nvidia.com/gpu"] = str(gpus)
        labels |= {
            "nvidia.com/gpu.present": "true",
            "nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3",
            "nvidia.com/gpu.memory": "81559",
            "nvidia.com/gpu.count": str(gpus),
        }
        taints.append({"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"})
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "annotations": {_MARK: "fake"}, "labels": labels},
        "spec": {"taints": taints},
        "status": {"capacity": size, "allocatable": size},
    }


def stop(layout: Layout | None = None) -> None:
    """Removes the fake nodes with the pods on them, and ends kwok."""
    layout = layout or Layout(state())
    call = kubectl(layout)
    nodes = run(*call, "get", "nodes", "-l", LABEL, "-o", "jsonpath={.items[*].metadata.name}")
    run(*call, "delete", "nodes", "-l", LABEL, "--ignore-not-found")
    pods = json.loads(run(*call, "get", "pods", "--all-namespaces", "-o", "json"))["items"]
    for namespace, node in _places(pods, set(nodes.split())):
        which = f"fieldSelector=spec.nodeName={node}&gracePeriodSeconds=0"
        run(*call, "delete", "--raw", f"/api/v1/namespaces/{namespace}/pods?{which}")
    Processes(layout).stop(_NAME)


def _places(pods: list[dict[str, Any]], nodes: set[str]) -> list[tuple[str, str]]:
    """Namespace and node of the pods on these nodes: one request each ends them all."""
    found = {(pod["metadata"]["namespace"], pod["spec"].get("nodeName")) for pod in pods}
    return sorted(place for place in found if place[1] in nodes)


def main() -> None:
    """Runs the named command."""
    match sys.argv[1:]:
        case ["start"]:
            start()
        case ["stop"]:
            stop()
        case ["nodes", count, *gpus]:
            print("\n".join(fake_nodes(int(count), int(gpus[0]) if gpus else 0)))
        case _:
            sys.exit(f"usage: python -m harness.kwok start | nodes N [GPUS] | stop\n{__doc__}")


if __name__ == "__main__":
    try:
        main()
    except (RuntimeError, CommandError) as problem:
        sys.exit(f"kwok: {problem}")
