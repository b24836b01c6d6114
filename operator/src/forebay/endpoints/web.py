"""A small HTTP server in the operator's own event loop: when the loop is blocked, it does not answer either."""

from __future__ import annotations

import logging
import ssl

from aiohttp import web

_UNHEARD = logging.getLogger(
    f"{__name__}.unheard"
)  # it would repeat what a bad request had in its headers
_UNHEARD.disabled = True
_BACKLOG = 128  # connections that wait for the loop
_KEEP = 30.0  # seconds that an idle connection is kept
_LEAVE = 1.0  # seconds that an answer in work has when we stop


class Site:
    """An application on a port of all addresses. `tls` None: plain HTTP."""

    def __init__(
        self, app: web.Application, port: int, tls: ssl.SSLContext | None = None, host: str = ""
    ) -> None:
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_UNHEARD,
            handle_signals=False,
            keepalive_timeout=_KEEP,
            shutdown_timeout=_LEAVE,
        )
        self._port, self._tls, self._host = port, tls, host or None

    async def start(self) -> int:
        """Listens; gives the port, which is another one for 0. Raises OSError when it is taken."""
        await self._runner.setup()
        site = web.TCPSite(
            self._runner,
            self._host,
            self._port,
            ssl_context=self._tls,
            backlog=_BACKLOG,
        )
        await site.start()
        return int(self._runner.addresses[0][1])

    async def stop(self) -> None:
        """Closes all connections; may be called twice."""
        await self._runner.cleanup()
