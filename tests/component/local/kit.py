"""Small Jobs and Deployments of real processes, and a plane to run them in."""

import asyncio
import contextlib
import os
import socket
import sys
from pathlib import Path

from forebay.kube.port import JOB, K8S_DEPLOYMENT, POD, SERVICE, Ref
from forebay.local.plane import Plane

PYTHON = [sys.executable, "-I", "-S", "-c"]  # starts in 15 ms
IGNORE = {
    "action": "Ignore",
    "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
}
FAIL = {
    "action": "FailJob",
    "onExitCodes": {"containerName": "main", "operator": "In", "values": [42]},
}
SERVER = """
import http.server, os, sys, time
time.sleep(float(os.environ.get("SLOW", "0")))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/crash":
            os._exit(3)
        ok = self.path != "/live" or not os.path.exists("deaf")
        self.send_response(200 if ok else 503)
        self.end_headers()
        self.wfile.write(os.environ["WORD"].encode() * int(os.environ.get("TIMES", "1")))
    def log_message(self, *args):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["FOREBAY_PORT_HTTP"])), Handler).serve_forever()
"""


def pod_spec(code, *, policy="Never", volumes=(), env=None, **container):
    return {
        "restartPolicy": policy,
        "terminationGracePeriodSeconds": 5,
        "volumes": [dict(volume) for volume, _ in volumes],
        "containers": [
            {
                "name": "main",
                "image": "none",
                "command": [*PYTHON, code],
                "env": [{"name": k, "value": v} for k, v in (env or {}).items()],
                "volumeMounts": [
                    {"name": volume["name"], "mountPath": path} for volume, path in volumes
                ],
                **container,
            }
        ],
    }


def job(name, code, *, pod=None, **spec):
    template = {"metadata": {"labels": {"job": name}}, "spec": pod or pod_spec(code)}
    full = {"backoffLimit": 2, "podFailurePolicy": {"rules": [IGNORE, FAIL]}, **spec}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {**full, "template": template},
    }


def deployment(name, word, *, replicas=1, strategy=None, env=None, **container):
    probe = {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 1}
    spec = pod_spec(
        SERVER,
        policy="Always",
        env={"WORD": word, **(env or {})},
        ports=[{"name": "http", "containerPort": 3000}],
        **{"readinessProbe": probe, **container},
    )
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"version": name}},
            "strategy": strategy or {"type": "RollingUpdate"},
            "template": {"metadata": {"labels": {"version": name}}, "spec": spec},
        },
    }


def service(name, version, port):
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "selector": {"version": version},
            "ports": [{"name": "http", "port": port, "targetPort": "http"}],
        },
    }


class World:
    """A plane in a folder, with short words for what tests ask."""

    def __init__(self, state: Path):
        self.state = state
        self.plane = None

    @contextlib.asynccontextmanager
    async def running(self, **options):
        """The plane, for as long as the block lasts."""
        async with Plane(self.state, **options) as self.plane:
            yield self

    @property
    def kube(self):
        return self.plane.kube

    async def apply(self, *objects):
        for obj in objects:
            await self.kube.apply(obj, manager="test")

    async def job(self, name):
        return await self.kube.get(Ref(JOB, "default", name))

    async def deployment(self, name):
        return await self.kube.get(Ref(K8S_DEPLOYMENT, "default", name))

    async def service(self, name):
        return await self.kube.get(Ref(SERVICE, "default", name))

    async def pods(self):
        return sorted(
            await self.kube.list(POD), key=lambda pod: pod["metadata"]["creationTimestamp"]
        )

    async def pod(self):
        (only,) = await self.pods()
        return only

    async def condition(self, name, kind):
        """Waits for a Job's condition and returns it."""

        async def found():
            entries = ((await self.job(name)).get("status") or {}).get("conditions") or []
            return next((c for c in entries if c["type"] == kind and c["status"] == "True"), None)

        return await until(found)

    async def ready(self, name, replicas=1):
        async def enough():
            status = (await self.deployment(name)).get("status") or {}
            return status.get("readyReplicas") == replicas == status.get("replicas")

        await until(enough)

    async def port(self, name):
        async def there():
            status = (await self.service(name)).get("status") or {}
            return (status.get("loadBalancer") or {}).get("ingress")

        return (await until(there))[0]["ports"][0]["port"]

    def folder(self, pod):
        return self.state.resolve() / "pods" / pod["metadata"]["uid"]

    def pids(self):
        """Processes of this world's pods."""
        mark = f"FOREBAY_ROOT={self.state.resolve()}/".encode()
        found = []
        for folder in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if folder.name.isdigit() and mark in (folder / "environ").read_bytes():
                    found.append(int(folder.name))
        return found


async def until(condition, seconds=30):
    """The first true answer; fails when there is none in time."""
    async with asyncio.timeout(seconds):
        while True:
            answer = condition()
            answer = await answer if asyncio.iscoroutine(answer) else answer
            if answer:
                return answer
            await asyncio.sleep(0.02)


async def get(port, path="/"):
    """The body of an HTTP answer, or None when nobody answers."""
    try:
        async with asyncio.timeout(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\n\r\n".encode())
                answer = await reader.read()
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return None
    return answer.partition(b"\r\n\r\n")[2].decode() or None


def alive(pid):
    """Whether a process runs (one that waits to be reaped does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kill(pid, number=9):
    os.kill(pid, number)
