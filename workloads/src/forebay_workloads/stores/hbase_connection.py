"""Connections to HBase's Thrift gateways: a pool, and calls that are sent again while their cause may pass.

Used by the HBase adapter's other modules. A gateway keeps no state but a scanner's, so any of them will do for a call.
"""

from __future__ import annotations

import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from thriftpy2.protocol import TCyBinaryProtocol
from thriftpy2.thrift import TClient
from thriftpy2.transport import TCyBufferedTransport, TSocket
from thriftpy2.transport.sslsocket import TSSLSocket

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError, RetryableError, StageError
from forebay_workloads.stores.hbase_errors import CLIENT_ERRORS, idl, is_broken, translated
from forebay_workloads.stores.pauses import pauses
from forebay_workloads.stores.secrets import check_login, encryption, read_secret

PORT = 9090
CONNECT_MS, ANSWER_MS = 5_000, 60_000
PATIENCE = (
    18  # further attempts, in about 40 seconds: a gateway, or a region that moves, is back by then
)
MEETING = 12.0  # seconds, for gateways that never answered us: a pod is not there to wait for an address that is wrong
MEETING_MS = 5_000  # for the first answer of one of them
IDLE = 16  # connections kept
IDLE_SECONDS = 30  # and for how long: a gateway ends them after a minute

T = TypeVar("T")


def addresses(ref: StoreRef) -> list[tuple[str, int]]:
    """The gateways; ConfigError ReferenceMissing when none is named. Pure."""
    named = [str(one) for one in ref.settings.get("thriftServers") or []]
    if not named:
        message = f"DataStore {ref.name}: hbase.thriftServers is not set"
        raise ConfigError("ReferenceMissing", message)
    found = []
    for one in named:
        host, colon, port = one.rpartition(":")
        plain = bool(colon) and port.isdigit()
        found.append((host.strip("[]"), int(port)) if plain else (one.strip("[]"), PORT))
    return found


_tcp: Any = TSocket  # thriftpy2 says of none of them which types it takes
_tls: Any = TSSLSocket
_binary: Any = TCyBinaryProtocol


class Gateway:
    """One open connection."""

    def __init__(self, host: str, port: int, tls: ssl.SSLContext | None, wait_ms: int) -> None:
        first = min(CONNECT_MS, wait_ms)
        common = {"socket_timeout": wait_ms, "connect_timeout": first}
        if tls is None:
            self.socket: Any = _tcp(host, port, socket_family=_family(host, port), **common)
        else:
            self.socket = _tls(
                host, port, socket_family=_family(host, port), ssl_context=tls, **common
            )
        self._transport = TCyBufferedTransport(self.socket)
        self.ask = TClient(idl.Hbase, _binary(self._transport, decode_response=False))
        self.used = time.monotonic()
        self._transport.open()

    def wait(self, milliseconds: int) -> None:
        """For each piece of an answer."""
        self.socket.set_timeout(milliseconds)

    def close(self) -> None:
        """Whatever state it is in."""
        with suppress(Exception):
            self._transport.close()


def _family(host: str, port: int) -> socket.AddressFamily:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return found[0][0]


class Connection:
    """The gateways of one DataStore. Threads share it."""

    def __init__(self, ref: StoreRef) -> None:
        secret = read_secret(ref)
        check_login(ref, secret)
        self.name = ref.name
        self.prefix = str(ref.settings.get("tablePrefix") or "")
        self.concurrency = min(IDLE, int(ref.limits.get("maxConcurrency") or IDLE))
        self._servers = addresses(ref)
        self._tls = encryption(ref, secret)
        self.where = f"HBase {','.join(f'{host}:{port}' for host, port in self._servers)}"
        self._idle: list[Gateway] = []
        self._lock = threading.Lock()
        self._turn = random.randrange(len(self._servers))
        self._closed = False
        self._met = False  # whether one of them ever answered

    @contextmanager
    def gateway(self, wait_ms: int = ANSWER_MS) -> Iterator[Gateway]:
        """One of the pool, for the caller alone; given back unless it broke."""
        found = self._borrowed(wait_ms)
        try:
            yield found
        except BaseException as error:
            if is_broken(error):
                found.close()
            else:
                self._give_back(found)
            raise
        self._give_back(found)

    def _borrowed(self, wait_ms: int) -> Gateway:
        with self._lock:
            if self._closed:
                raise ConfigError("StoreUnreachable", f"{self.where}: the store is closed")
            found, old = self._newest()
            if found is None:
                self._turn = (self._turn + 1) % len(self._servers)
                host, port = self._servers[self._turn]
        for one in old:
            one.close()
        if found is None:
            return Gateway(host, port, self._tls, wait_ms)
        found.wait(wait_ms)
        return found

    def _newest(self) -> tuple[Gateway | None, list[Gateway]]:
        """That was used last, unless it is too long ago; and those to be closed."""
        if not self._idle:
            return None, []
        found = self._idle.pop()
        if time.monotonic() - found.used < IDLE_SECONDS:
            return found, []
        old, self._idle = [found, *self._idle], []
        return None, old

    def _give_back(self, gateway: Gateway) -> None:
        gateway.used = time.monotonic()
        with self._lock:
            if not self._closed and len(self._idle) < IDLE:
                self._idle.append(gateway)
                return
        gateway.close()

    def _drop_idle(self) -> None:
        """One broke: the others of that gateway are likely no better."""
        with self._lock:
            idle, self._idle = self._idle, []
        for one in idle:
            one.close()

    def call(self, method: str, *arguments: Any, what: str = "", end: float | None = None) -> Any:
        """One call."""
        return self.use(lambda ask: getattr(ask, method)(*arguments), what, end)

    def use(
        self,
        work: Callable[[Any], T],
        what: str = "",
        end: float | None = None,
        patience: int = PATIENCE,
    ) -> T:
        """Calls of one gateway, made again while the cause of a failure may pass. All of ours may be repeated.

        `end`: of the caller's patience, by the clock `time.monotonic`; RetryableError DeadlineExceeded past it.
        """
        text = f"{self.where}: {what}" if what else self.where
        others = len(self._servers) - 1  # are asked at once, the same gateway only later
        waits = [0.0] * others + pauses(patience)
        met_by = time.monotonic() + MEETING
        while True:
            try:
                with self.gateway(self._left(end, text)) as gateway:
                    answer = work(gateway.ask)
                    self._met = True
                    return answer
            except CLIENT_ERRORS as error:
                if is_broken(error):
                    self._drop_idle()
                else:
                    self._met = True
                found = translated(error, text)
                late = not self._met and time.monotonic() > met_by
                hopeless = found.reason == "CertificateInvalid" or not isinstance(
                    found, RetryableError
                )
                if not waits or late or hopeless:
                    raise found from error
                if end is not None and time.monotonic() + waits[0] > end:
                    raise self._late(text) from error
            time.sleep(waits.pop(0))

    def _left(self, end: float | None, text: str) -> int:
        if end is None:
            return ANSWER_MS if self._met else MEETING_MS
        left = int((end - time.monotonic()) * 1000)
        if left <= 0:
            raise self._late(text)
        return left

    def _late(self, text: str) -> StageError:
        return RetryableError("DeadlineExceeded", f"{text}: no answer in time")

    def close(self) -> None:
        """Frees connections; may be called twice."""
        with self._lock:
            self._closed = True
        self._drop_idle()
