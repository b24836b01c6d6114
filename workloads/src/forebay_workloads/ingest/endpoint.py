"""What the pod of an ingest answers: `/metrics`, and the kubelet's `/livez` and `/readyz`. Read only.

Started by `ingest.stream`, in threads of its own: it answers whatever the loop does, and says what the loop does.
A port that is taken is said once and is no reason not to ingest.
"""

from __future__ import annotations

import http.server
import os
import socket
import threading
import time
from collections.abc import Callable
from http import HTTPStatus
from types import TracebackType
from typing import Self

from forebay_workloads import contract
from forebay_workloads.errors import cut
from forebay_workloads.ingest.figures import CONTENT_TYPE, exposition
from forebay_workloads.ingest.meter import Meter
from forebay_workloads.ingest.vitals import Vitals

PORT_NAME, PORT = "metrics", 8080
PATIENCE = 5.0  # seconds that a caller has to say what it wants
_PLAIN = "text/plain; charset=utf-8"

Answer = tuple[HTTPStatus, str, str]


class Endpoint:
    """Answers from `with` to its end. `port` None: nobody asked for it."""

    def __init__(
        self,
        meter: Meter,
        vitals: Vitals,
        log: Callable[[str], None],
        port: int | None,
        host: str = "",
    ) -> None:
        self._meter, self._vitals, self._log = meter, vitals, log
        self._asked, self._host = port, host
        self._server: _Server | None = None

    @property
    def port(self) -> int | None:
        """Where it listens."""
        return None if self._server is None else int(self._server.server_address[1])

    def __enter__(self) -> Self:
        if self._asked is None:
            return self
        try:
            self._server = _Server(self._host, self._asked, self.answer)
        except OSError as error:
            self._log(f"nobody can ask for metrics: port {self._asked}: {cut(error)}")
            return self
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()

    def answer(self, path: str) -> Answer:
        """To a GET."""
        path = path.partition("?")[0]
        if path == "/metrics":
            return HTTPStatus.OK, CONTENT_TYPE, exposition(self._meter, time.time())
        asked = {"/livez": self._vitals.dead, "/readyz": self._vitals.unready}.get(path)
        if asked is None:
            return HTTPStatus.NOT_FOUND, _PLAIN, "try /metrics, /livez or /readyz\n"
        wrong = asked()
        status = HTTPStatus.OK if wrong is None else HTTPStatus.SERVICE_UNAVAILABLE
        return status, _PLAIN, f"{wrong or 'ok'}\n"


def wished_port() -> int | None:
    """That of the pod. On the embedded plane only one that the plane gave: processes share its ports."""
    given = f"FOREBAY_PORT_{PORT_NAME.upper()}" in os.environ
    return contract.port(PORT_NAME, PORT) if given or contract.ROOT_ENV not in os.environ else None


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a caller that keeps its connection does not hold up the end

    def __init__(self, host: str, port: int, answer: Callable[[str], Answer]) -> None:
        both = not host and socket.has_dualstack_ipv6()
        self.address_family = socket.AF_INET6 if both or ":" in host else socket.AF_INET
        self._both = both
        self.answer = answer
        super().__init__((host, port), _Handler)

    def server_bind(self) -> None:
        if self._both:
            self.socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        super().server_bind()

    def handle_error(self, request: object, client_address: object) -> None:
        """A caller that went away is nobody's trouble."""


class _Handler(http.server.BaseHTTPRequestHandler):
    timeout = PATIENCE
    server: _Server

    def do_GET(self) -> None:
        status, kind, text = self.server.answer(self.path)
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def version_string(self) -> str:
        return "forebay"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's own name
        """Probes come every few seconds: they are no news."""
