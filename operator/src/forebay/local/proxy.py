"""A TCP proxy on one local port: each connection goes to one of the present targets. Used by services.py.

Bytes are handed over as they come, with back-pressure both ways; it knows no protocol above TCP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

HOST = "127.0.0.1"


class Targets:
    """Local ports that connections may go to, in turn; and the connections that are open."""

    def __init__(self) -> None:
        self._ports: list[int] = []
        self._turn = 0
        self.open: set[asyncio.Transport] = set()
        self.connecting: set[asyncio.Task[None]] = set()
        self.closed = False

    def set(self, ports: Sequence[int]) -> None:
        """From now on new connections go to these; open ones stay where they are."""
        self._ports = list(ports)

    def in_turn(self) -> list[int]:
        """All targets, another one first each time."""
        if not self._ports:
            return []
        self._turn = (self._turn + 1) % len(self._ports)
        return self._ports[self._turn :] + self._ports[: self._turn]

    async def close(self) -> None:
        """Ends all connections, also those that are just being made."""
        self.closed = True
        connecting = tuple(self.connecting)
        for task in connecting:
            task.cancel()
        await asyncio.gather(*connecting, return_exceptions=True)
        for transport in tuple(self.open):
            transport.abort()
        await asyncio.sleep(0)  # the loop closes them in its next round


class _Side(asyncio.Protocol):
    """One end of a connection; what it receives goes to the other."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets
        self.transport: asyncio.Transport | None = None
        self.other: _Side | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self._targets.open.add(self.transport)

    def data_received(self, data: bytes) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        """The other end may still have something to say: only this direction is closed."""
        other = self.other.transport if self.other else None
        if other is not None and other.can_write_eof() and not other.is_closing():
            other.write_eof()
            return True
        return False

    def connection_lost(self, _error: Exception | None) -> None:
        if self.transport is not None:
            self._targets.open.discard(self.transport)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()

    def pause_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.other is not None and self.other.transport is not None:
            self.other.transport.resume_reading()


class _Front(_Side):
    """The caller's end: reads nothing until a target has taken the connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.transport is None:
            return
        if self._targets.closed:
            self.transport.abort()
            return
        self.transport.pause_reading()
        task = asyncio.get_running_loop().create_task(self._connect())
        self._targets.connecting.add(task)
        task.add_done_callback(self._targets.connecting.discard)

    async def _connect(self) -> None:
        front = self.transport
        if front is None:
            return
        loop = asyncio.get_running_loop()
        for port in self._targets.in_turn():
            back = _Side(self._targets)
            back.other = self
            try:
                await loop.create_connection(lambda b=back: b, HOST, port)  # type: ignore[misc]
            except OSError:  # it is just going: the next one
                continue
            self.other = back
            if front.is_closing():
                cast(asyncio.Transport, back.transport).close()
            else:
                front.resume_reading()
            return
        front.abort()  # nobody is ready


async def listen(host: str, port: int, targets: Targets) -> asyncio.Server:
    """Listens; raises OSError when the port cannot be had."""
    return await asyncio.get_running_loop().create_server(lambda: _Front(targets), host, port)
