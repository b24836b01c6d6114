"""Services of the embedded plane: one local address that leads to ready pods.

As kube-proxy is to a cluster. The port asked for is taken when it is free, else the next free one, and kept
from then on; the address that is really served is in the Service's status.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from forebay.errors import NotFound
from forebay.kube.port import SERVICE, Kube, Obj
from forebay.local.controller import Controller
from forebay.local.podstatus import is_ready
from forebay.local.proxy import Targets, listen
from forebay.local.worker import PORT_ANNOTATION

MANAGER = "local-service-proxy"
HOST = "127.0.0.1"
ASKED = "forebay.dev/asked-port"  # annotation: the port of the spec for which the status holds
_TRIES = 100  # ports after the one asked for


@dataclass(frozen=True)
class _Listening:
    asked: int
    port: int
    server: asyncio.Server
    targets: Targets


class ServiceProxy(Controller):
    """One listening socket per Service; the first of its ports counts."""

    kind = SERVICE

    def __init__(self, kube: Kube) -> None:
        super().__init__(kube)
        self._listening: dict[str, _Listening] = {}

    async def run(self) -> None:
        """Serves until it is cancelled; then nobody listens and no connection is left."""
        try:
            await super().run()
        finally:
            await self.forget(set())

    async def forget(self, known: set[str]) -> None:
        """Stops listening for Services that are gone."""
        for uid in self._listening.keys() - known:
            await self._close(uid)

    async def look(self, obj: Obj, pods: Sequence[Obj]) -> float | None:
        """See Controller."""
        uid, asked = obj["metadata"]["uid"], int(obj["spec"]["ports"][0]["port"])
        if uid in self._listening and self._listening[uid].asked != asked:
            await self._close(uid)
        if uid not in self._listening:
            self._listening[uid] = await _bind(asked, _port_before(obj, asked))
        listening = self._listening[uid]
        listening.targets.set(_targets(obj, pods))
        await self._say(obj, listening)
        return None

    async def _close(self, uid: str) -> None:
        listening = self._listening.pop(uid)
        for socket in listening.server.sockets:
            asyncio.get_running_loop().remove_reader(socket.fileno())
        await asyncio.sleep(0)  # a connection that is just being accepted must find the server open
        listening.server.close()
        await listening.targets.close()

    async def _say(self, obj: Obj, listening: _Listening) -> None:
        identity = {key: obj["metadata"][key] for key in ("name", "namespace", "uid")}
        this = {"apiVersion": obj["apiVersion"], "kind": obj["kind"]}
        ingress = [{"ip": HOST, "ports": [{"port": listening.port, "protocol": "TCP"}]}]
        notes = {ASKED: str(listening.asked)}
        try:
            await self._kube.apply(
                {**this, "metadata": {**identity, "annotations": notes}}, manager=MANAGER
            )
            status = {"loadBalancer": {"ingress": ingress}}
            await self._kube.apply(
                {**this, "metadata": identity, "status": status},
                manager=MANAGER,
                subresource="status",
            )
        except NotFound:  # deleted meanwhile: the next pass closes the socket
            return


def _targets(service: Obj, pods: Sequence[Obj]) -> list[int]:
    """Local ports of the ready pods that the Service selects; a Service without selector has none."""
    selector = (service["spec"].get("selector") or {}).items()
    first = service["spec"]["ports"][0]
    key = PORT_ANNOTATION + str(first.get("targetPort", first.get("name", "http")))
    return [
        int(pod["metadata"]["annotations"][key])
        for pod in pods
        if selector
        and selector <= (pod["metadata"].get("labels") or {}).items()
        and pod["metadata"]["namespace"] == service["metadata"]["namespace"]
        and key in (pod["metadata"].get("annotations") or {})
        and is_ready(pod)
    ]


def _port_before(service: Obj, asked: int) -> int:
    """The port that the Service had for the same wish, else the one that it asks for."""
    notes = service["metadata"].get("annotations") or {}
    ingress = ((service.get("status") or {}).get("loadBalancer") or {}).get("ingress") or []
    if ingress and notes.get(ASKED) == str(asked):
        return int(ingress[0]["ports"][0]["port"])
    return asked


async def _bind(asked: int, first: int) -> _Listening:
    targets = Targets()
    for port in (first, *range(asked, asked + _TRIES), 0):
        try:
            server = await listen(HOST, port, targets)
        except OSError:  # taken, or not allowed to us
            continue
        return _Listening(asked, int(server.sockets[0].getsockname()[1]), server, targets)
    raise OSError(f"no local port is free for a Service that asks for {asked}")
