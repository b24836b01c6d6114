"""Addresses of loopback where something is wrong: nobody there, silence, certificates of every kind before a server."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from harness.certificates import EXPIRED, Identity, make_ca, make_pair
from harness.folders import StateFolder

HERE = ("IP:127.0.0.1", "DNS:localhost")


class Pki:
    """Two CAs. The first one signed what is good, what has expired, and what serves another name."""

    def __init__(self, folder: Path) -> None:
        self._own, other = StateFolder(folder / "own"), StateFolder(folder / "other")
        for one in (self._own, other):
            make_ca(one)
            make_pair(one, "good", Identity("server", names=HERE))
        make_pair(self._own, "expired", Identity("server", names=HERE), days=EXPIRED)
        make_pair(self._own, "renamed", Identity("server", names=("DNS:db.example.com",)))
        self.file = str(self._own.certificate("ca"))
        self.authority = self._own.certificate("ca").read_text()
        self.foreign = other.certificate("ca").read_text()
        time.sleep(1.1)  # until the expired one has

    def pair(self, name: str) -> tuple[str, str]:
        """Files of a certificate and its key."""
        return str(self._own.certificate(name)), str(self._own.key(name))


def listening() -> tuple[socket.socket, str]:
    server = socket.create_server(("127.0.0.1", 0))
    return server, f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def nobody() -> Iterator[str]:
    """Refuses each connection."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{free.getsockname()[1]}"


@contextmanager
def silence() -> Iterator[str]:
    """Takes each connection and never says a word."""
    server, address = listening()
    with server:
        yield address


@contextmanager
def black_hole() -> Iterator[str]:
    """Does not even answer a connection's first packet: the queue of those who wait is full."""
    with ExitStack() as kept:
        server = kept.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):
            one = kept.enter_context(socket.socket())
            one.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                one.connect(server.getsockname())
        time.sleep(0.2)
        yield f"127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def tls(target: str, pair: tuple[str, str]) -> Iterator[str]:
    """Speaks TLS with this certificate and passes on to `target` what comes."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*pair)
    server, address = listening()
    host, _, port = target.rpartition(":")
    with server:
        threading.Thread(
            target=_accept, args=(server, context, (host, int(port))), daemon=True
        ).start()
        yield address
        server.shutdown(socket.SHUT_RDWR)


def _accept(server: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with contextlib.suppress(OSError):
        while True:
            caller, _ = server.accept()
            threading.Thread(target=_serve, args=(caller, context, target), daemon=True).start()


def _serve(caller: socket.socket, context: ssl.SSLContext, target: tuple[str, int]) -> None:
    with (
        contextlib.suppress(OSError),
        caller,
        socket.create_connection(target) as inner,
        context.wrap_socket(caller, server_side=True) as outer,
    ):
        back = threading.Thread(target=_pump, args=(inner, outer), daemon=True)
        back.start()
        _pump(outer, inner)
        back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError, ValueError):
        while piece := source.recv(1 << 16):
            sink.sendall(piece)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
