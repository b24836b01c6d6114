"""metrics-server beside a bare cluster, on demand: `kubectl top`, and autoscalers that look at CPU and memory.

`python -m harness.metrics_server start|stop`. A program of the machine, not a pod: its image would need a registry.
"""

from __future__ import annotations

import json
import sys

from harness import tools
from harness.cluster import aggregated, pki
from harness.cluster.control import client, kubectl
from harness.cluster.layout import Layout
from harness.folders import state
from harness.kwok import LABEL
from harness.processes import Processes
from harness.shell import CommandError, attempt, run

_NAME = "metrics-server"
_PORT = 4443
_SERVICE = f"kube-system/{_NAME}"
_API = ("metrics.k8s.io", "v1beta1")


def start(layout: Layout | None = None) -> None:
    """Starts it unless it runs, registers its API, and waits until the node's figures are there."""
    layout = layout or Layout(state())
    processes = Processes(layout)
    pki.make(layout)
    if processes.pid(_NAME) is None:
        processes.start(_NAME, [tools.ensure(_NAME), *arguments(layout)])
    made = aggregated.objects(*_API, _SERVICE, _PORT, layout.certificate("ca"))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
    run(*kubectl(layout), "apply", "--server-side", "-f", "-", text=text)
    processes.wait(_NAME, lambda: attempt(*kubectl(layout), "top", "node").returncode == 0)


def arguments(layout: Layout) -> list[str]:
    """Figures every ten seconds; a kubelet that is slower than that is left out of a round."""
    admin = client(layout, "admin")
    return [
        f"--kubeconfig={admin}",
        f"--authentication-kubeconfig={admin}",
        f"--authorization-kubeconfig={admin}",
        f"--secure-port={_PORT}",
        f"--tls-cert-file={layout.certificate(_NAME)}",
        f"--tls-private-key-file={layout.key(_NAME)}",
        f"--kubelet-certificate-authority={layout.certificate('ca')}",
        "--kubelet-preferred-address-types=InternalIP",
        f"--node-selector=!{LABEL}",
        "--kubelet-request-timeout=5s",
        "--metric-resolution=10s",
    ]


def stop(layout: Layout | None = None) -> None:
    """Takes its API away, then ends it: the other way round namespaces could not be deleted in between."""
    layout = layout or Layout(state())
    group, version = _API
    call = (*kubectl(layout), "delete", "--ignore-not-found")
    run(*call, f"apiservice/{version}.{group}")
    namespace, _, name = _SERVICE.partition("/")
    run(*call, "-n", namespace, f"service/{name}", f"endpointslice/{name}")
    Processes(layout).stop(_NAME)


if __name__ == "__main__":
    commands = {"start": start, "stop": stop}
    if sys.argv[1:] not in (["start"], ["stop"]):
        sys.exit(f"usage: python -m harness.metrics_server start|stop\n{__doc__}")
    try:
        commands[sys.argv[1]]()
    except (RuntimeError, CommandError) as problem:
        sys.exit(f"metrics-server: {problem}")
