"""KEDA beside a bare cluster, on demand: its definitions, its operator and its metrics API as programs of the machine.

`python -m harness.keda start|stop`. The first start builds it, which takes ten minutes: only nightly tests use it.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from harness import tools
from harness.cluster import aggregated, pki
from harness.cluster.control import client, kubectl
from harness.cluster.layout import Layout
from harness.folders import HERE, state
from harness.processes import Processes
from harness.shell import CommandError, attempt, run

NAMESPACE = "keda"
_MODULE = "github.com/kedacore/keda/v2"
_OPERATOR, _ADAPTER = "keda", "keda-adapter"
_SERVICE = f"{NAMESPACE}/keda-metrics-apiserver"
_GROUP, _VERSION = "external.metrics.k8s.io", "v1beta1"
_PORT, _GRPC, _HEALTH, _METRICS = 16443, 19666, 18081, 18082


def start(layout: Layout | None = None) -> None:
    """Starts both programs unless they run, and waits until questions about external metrics are answered."""
    layout = layout or Layout(state())
    processes = Processes(layout)
    programs = {name: tools.ensure(name) for name in (_OPERATOR, _ADAPTER)}
    run(*kubectl(layout), "apply", "--server-side", "-f", str(_definitions()))
    pki.make(layout)
    _certificates(layout)
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    api = aggregated.objects(_GROUP, _VERSION, _SERVICE, _PORT, layout.certificate("ca"))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": [space, *api]})
    run(*kubectl(layout), "apply", "--server-side", "-f", "-", text=text)
    for name, arguments in ((_OPERATOR, operator(layout)), (_ADAPTER, adapter(layout))):
        if processes.pid(name) is None:
            processes.start(name, [programs[name], *arguments], env=_environment(layout))
    processes.wait(_OPERATOR, _gives_figures, seconds=120)
    asked = (*kubectl(layout), "get", "--raw", f"/apis/{_GROUP}/{_VERSION}")
    processes.wait(_ADAPTER, lambda: attempt(*asked).returncode == 0, seconds=120)


def _gives_figures() -> bool:
    """Whether the operator listens for its adapter: the last that it does when it starts."""
    try:
        socket.create_connection(("127.0.0.1", _GRPC), timeout=2).close()
    except OSError:
        return False
    return True


def _definitions() -> Path:
    """KEDA's own, as files of the module that it is built from."""
    go = ("go", "-C", str(HERE / "keda"))
    run(*go, "mod", "download", _MODULE)
    return Path(run(*go, "list", "-m", "-f", "{{.Dir}}", _MODULE).strip(), "config/crd/bases")


def _certificates(layout: Layout) -> None:
    """A folder with the names that KEDA looks for."""
    folder = _folder(layout)
    shutil.copy(layout.certificate("ca"), folder / "ca.crt")
    shutil.copy(layout.certificate("keda"), folder / "tls.crt")
    shutil.copy(layout.key("keda"), folder / "tls.key")


def _folder(layout: Layout) -> Path:
    return layout.folder("keda")


def _environment(layout: Layout) -> Mapping[str, str]:
    """What a pod of KEDA's would be told; no namespace to watch means all."""
    ours = {"POD_NAMESPACE": NAMESPACE, "KEDA_CLUSTER_OBJECT_NAMESPACE": NAMESPACE}
    admin = str(client(layout, "admin"))
    return {**os.environ, **ours, "KUBECONFIG": admin, "WATCH_NAMESPACE": ""}


def operator(layout: Layout) -> list[str]:
    """Its arguments; its ports are far from those of what else may run on the machine."""
    return [
        f"--metrics-service-bind-address=127.0.0.1:{_GRPC}",
        f"--health-probe-bind-address=127.0.0.1:{_HEALTH}",
        "--enable-prometheus-metrics=false",
        f"--cert-dir={_folder(layout)}",
    ]


def adapter(layout: Layout) -> list[str]:
    """Its arguments; it asks the operator for the figures."""
    admin, folder = client(layout, "admin"), _folder(layout)
    return [
        f"--secure-port={_PORT}",
        f"--port={_METRICS}",
        f"--metrics-service-address=localhost:{_GRPC}",
        f"--cert-dir={folder}",
        f"--client-ca-file={folder / 'ca.crt'}",
        f"--tls-cert-file={folder / 'tls.crt'}",
        f"--tls-private-key-file={folder / 'tls.key'}",
        f"--lister-kubeconfig={admin}",
        f"--authentication-kubeconfig={admin}",
        f"--authorization-kubeconfig={admin}",
    ]


def stop(layout: Layout | None = None) -> None:
    """Its definitions go while it runs, for it releases its objects; then its API and the two programs."""
    layout = layout or Layout(state())
    call = (*kubectl(layout), "delete", "--ignore-not-found", "--timeout=60s")
    run(*call, "-f", str(_definitions()))
    run(*call, f"apiservice/{_VERSION}.{_GROUP}")
    run(*call, f"namespace/{NAMESPACE}", "--wait=false")
    for name in (_ADAPTER, _OPERATOR):
        Processes(layout).stop(name)


if __name__ == "__main__":
    commands = {"start": start, "stop": stop}
    if sys.argv[1:] not in (["start"], ["stop"]):
        sys.exit(f"usage: python -m harness.keda start|stop\n{__doc__}")
    try:
        commands[sys.argv[1]]()
    except (RuntimeError, CommandError) as problem:
        sys.exit(f"keda: {problem}")
