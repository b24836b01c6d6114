"""Services of the embedded plane: one local address that passes connections on to ready pods.

A TCP proxy on 127.0.0.1, as kube-proxy is to a cluster. The port asked for is taken when it is free, else
the next free one; the address that is really served is in the Service's status.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import suppress

from forebay.errors import NotFound
from forebay.kube.port import POD, SERVICE, Kube, Obj
from forebay.local.controller import Controller
from forebay.local.podstatus import is_ready
from forebay.local.worker import PORT_ANNOTATION

MANAGER = "local-service-proxy"
HOST = "127.0.0.1"
_TRIES = 100  # ports after the one asked for
_CHUNK = 1 << 16


class ServiceProxy(Controller):
    """One listening socket per Service."""

    kinds = (SERVICE, POD)

    def __init__(self, kube: Kube) -> None:
        super().__init__(kube)
        self._listening: dict[str, tuple[asyncio.Server, int]] = {}
        self._targets: dict[str, Iterator[int]] = {}
        self._ready: dict[str, list[int]] = {}

    async def run(self) -> None:
        """Serves until it is cancelled; then nobody listens."""
        try:
            await super().run()
        finally:
            for server, _ in self._listening.values():
                server.close()

    async def sweep(self) -> float | None:
        """All Services: targets from ready pods, a socket for each, closed when the Service is gone."""
        services = await self._kube.list(SERVICE)
        pods = await self._kube.list(POD)
        uids = {s["metadata"]["uid"] for s in services}
        for uid in self._listening.keys() - uids:
            self._listening.pop(uid)[0].close()
        for service in services:
            self._aim(service, pods)
            await self._listen(service)
        return None

    def _aim(self, service: Obj, pods: list[Obj]) -> None:
        uid = service["metadata"]["uid"]
        selector = service["spec"].get("selector", {}).items()
        name = str(service["spec"]["ports"][0].get("targetPort", "http"))
        ports = [
            int(p["metadata"]["annotations"][PORT_ANNOTATION + name])
            for p in pods
            if selector <= p["metadata"].get("labels", {}).items()
            and is_ready(p)
            and PORT_ANNOTATION + name in p["metadata"].get("annotations", {})
        ]
        if ports != self._ready.get(uid):
            self._ready[uid] = ports
            self._targets[uid] = itertools.cycle(ports)

    async def _listen(self, service: Obj) -> None:
        uid = service["metadata"]["uid"]
        if uid in self._listening:
            return
        server, port = await self._bind(uid, _wanted_port(service))
        self._listening[uid] = (server, port)
        ingress = [{"ip": HOST, "ports": [{"port": port, "protocol": "TCP"}]}]
        identity = {key: service["metadata"][key] for key in ("name", "namespace", "uid")}
        obj = {
            "apiVersion": "v1", "kind": "Service", "metadata": identity,
            "status": {"loadBalancer": {"ingress": ingress}},
        }  # fmt: skip
        with suppress(NotFound):  # deleted meanwhile: the next sweep closes the socket
            await self._kube.apply(obj, manager=MANAGER, subresource="status")

    async def _bind(self, uid: str, wanted: int) -> tuple[asyncio.Server, int]:
        async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._pass_on(uid, reader, writer)

        for port in range(wanted, wanted + _TRIES):
            with suppress(OSError):
                return await asyncio.start_server(passed_on, HOST, port), port
        server = await asyncio.start_server(passed_on, HOST, 0)
        return server, int(server.sockets[0].getsockname()[1])

    async def _pass_on(
        self, uid: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """One connection, both ways until both sides are done; refused when no pod is ready."""
        try:
            target = next(self._targets[uid])
            back, forth = await asyncio.open_connection(HOST, target)
        except (StopIteration, KeyError, OSError):
            writer.close()
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_pump(reader, forth))
                group.create_task(_pump(back, writer))
        finally:
            forth.close()
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await source.read(_CHUNK):
            sink.write(chunk)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()


def _wanted_port(service: Obj) -> int:
    """The port it had before, else the one that its spec asks for."""
    ingress = (service.get("status") or {}).get("loadBalancer", {}).get("ingress") or []
    if ingress:
        return int(ingress[0]["ports"][0]["port"])
    return int(service["spec"]["ports"][0]["port"])
