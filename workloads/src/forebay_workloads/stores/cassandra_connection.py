"""A DataStore's settings and mounted Secret as the driver's options, and the session made of them.

Used by `cassandra.py`. `options` is pure. Threads share one session; statements are prepared once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cassandra import ConsistencyLevel, ProtocolVersion
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    ResponseFuture,
    Session,
)
from cassandra.policies import (
    ConstantReconnectionPolicy,
    DCAwareRoundRobinPolicy,
    HostDistance,
    TokenAwarePolicy,
)
from cassandra.query import BoundStatement, PreparedStatement, SimpleStatement

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import cassandra_page
from forebay_workloads.stores.cassandra_errors import DRIVER_ERRORS, spoken, translated
from forebay_workloads.stores.cassandra_page import Page
from forebay_workloads.stores.secrets import check_login, encryption, hidden, read_secret

CONNECT_SECONDS = 8.0  # for one node
MEETING = 20.0  # for all that are named: they are asked one after the other
REQUEST_SECONDS = (
    30.0  # for one answer: more than a server's own limits, so that it says what is wrong
)
DDL_SECONDS = 60.0
CONCURRENCY = 64  # requests in flight unless the DataStore's limits say less
PORT = 9042


def contact_points(ref: StoreRef, secret: Mapping[str, str]) -> list[tuple[str, int]]:
    """Where to connect to first; a service binding's Secret names it by host and port."""
    named = [str(one) for one in ref.settings.get("contactPoints") or []]
    if not named and secret.get("host"):
        port = secret.get("port") or PORT
        named = [f"{host.strip()}:{port}" for host in secret["host"].split(",")]
    if not named:
        message = f"DataStore {ref.name}: cassandra.contactPoints is not set"
        raise ConfigError("ReferenceMissing", message)
    return [_address(one) for one in named]


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit():
        return text.strip("[]"), PORT
    return host.strip("[]"), int(port)


def login(ref: StoreRef, secret: Mapping[str, str]) -> PlainTextAuthProvider | None:
    """User and password; None where the DataStore has no Secret for them."""
    check_login(ref, secret)
    user, password = secret.get("username"), secret.get("password")
    return PlainTextAuthProvider(user, password) if user is not None else None


class _Routing(TokenAwarePolicy):  # type: ignore[misc]
    """The replicas of a range of tokens first, as the driver knows those of a key."""

    def make_query_plan(self, working_keyspace: Any = None, query: Any = None) -> Iterator[Any]:
        """The driver's hook."""
        first = [
            host
            for host in getattr(query, "replicas", ())
            if host.is_up and self.distance(host) == HostDistance.LOCAL
        ]
        yield from first
        for host in super().make_query_plan(working_keyspace, query):
            if host not in first:
                yield host


class _Cluster(Cluster):  # type: ignore[misc]
    """Begins with the newest version that Cassandra itself speaks, and goes down from there."""

    protocol_version = ProtocolVersion.V5


class Connection:
    """One session on one keyspace's data centre. Opened at the first use."""

    def __init__(self, ref: StoreRef) -> None:
        keyspace = ref.settings.get("keyspace")
        if not isinstance(keyspace, str) or not keyspace:
            raise ConfigError(
                "ReferenceMissing", f"DataStore {ref.name}: cassandra.keyspace is not set"
            )
        secret = read_secret(ref)
        self.name, self.keyspace = ref.name, keyspace
        self.datacenter = str(ref.settings.get("localDatacenter") or "datacenter1")
        self.concurrency = min(CONCURRENCY, int(ref.limits.get("maxConcurrency") or CONCURRENCY))
        self.points = contact_points(ref, secret)
        hosts = ",".join(f"{host}:{port}" for host, port in self.points)
        self.where = f"Cassandra {hosts}, keyspace {keyspace!r}"
        self.secrets = hidden(secret)
        self._login = login(ref, secret)
        self._tls = encryption(ref, secret, names=False)  # nodes are found by address
        self._lock = threading.Lock()
        self._opened: tuple[Cluster, Session] | None = None
        self._prepared: dict[str, PreparedStatement] = {}
        self._closed = False

    def _cluster(self) -> Cluster:
        patience = min(CONNECT_SECONDS, MEETING / len(self.points))
        routing = _Routing(DCAwareRoundRobinPolicy(self.datacenter))
        profile = ExecutionProfile(
            load_balancing_policy=routing,
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            request_timeout=REQUEST_SECONDS,
            row_factory=cassandra_page.as_pages,
        )
        return _Cluster(
            self.points,
            auth_provider=self._login,
            ssl_context=self._tls,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
            connect_timeout=patience,
            control_connection_timeout=patience,
            reconnection_policy=ConstantReconnectionPolicy(1.0, max_attempts=None),
            application_name="forebay",
        )

    @property
    def session(self) -> Session:
        """The session; the first use connects."""
        with self._lock:
            if self._closed:
                raise ConfigError("StoreUnreachable", f"{self.where}: the store is closed")
            if self._opened is None:
                self._opened = self._connect()
            return self._opened[1]

    def _connect(self) -> tuple[Cluster, Session]:
        with self.speak("cannot connect"):
            cluster = self._cluster()
            try:
                session = cluster.connect()
            except BaseException as error:
                places = {host.datacenter for host in cluster.metadata.all_hosts()} - {None}
                cluster.shutdown()
                if (
                    isinstance(error, NoHostAvailable)
                    and places - {self.datacenter} == places != set()
                ):
                    known = ", ".join(sorted(places))
                    message = (
                        f"{self.where}: no data centre {self.datacenter!r} (there are: {known})"
                    )
                    raise ConfigError("ReferenceMissing", message) from error
                raise
        session.client_protocol_handler = cassandra_page.RawPages
        return cluster, session

    @property
    def cluster(self) -> Cluster:
        """The driver's view of nodes and tokens."""
        return self.session.cluster

    @property
    def protocol(self) -> int:
        """The version that client and server agreed on."""
        return int(self.cluster.protocol_version)

    def speak(self, what: str = "") -> Any:
        """`with connection.speak("what"):` around calls of the driver."""
        return spoken(f"{self.where}: {what}" if what else self.where, self.secrets)

    def translated(self, error: Exception, what: str) -> Exception:
        """The driver's error as ours; any other one as it is."""
        known = isinstance(error, DRIVER_ERRORS)
        return translated(error, f"{self.where}: {what}", self.secrets) if known else error

    def rows(self, text: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """A small result as Python values."""
        with self.speak():
            bound = self.prepare(text).bind(values)
            pages: list[Page] = list(self.session.execute(bound))
        return [row for page in pages for row in page.tuples()]

    def change(self, text: str) -> None:
        """A statement of DDL; returns when the nodes agree on it."""
        with self.speak():
            self.session.execute(SimpleStatement(text), timeout=DDL_SECONDS)

    def prepare(self, text: str) -> PreparedStatement:
        """The prepared statement; all of ours may be repeated."""
        found = self._prepared.get(text)
        if found is None:
            found = self.session.prepare(text)
            found.is_idempotent = True
            self._prepared[text] = found
        return found

    def prepared(self, text: str) -> PreparedStatement | None:
        """The statement that was prepared already."""
        return self._prepared.get(text)

    def forget(self) -> None:
        """Prepared statements may be of a table that has changed."""
        self._prepared.clear()

    def bound(self, statement: PreparedStatement, values: Sequence[bytes | None]) -> BoundStatement:
        """A statement with values that are encoded already."""
        one = BoundStatement(statement)
        one.values = list(values)
        return one

    def send(
        self, statement: Any, timeout: float = REQUEST_SECONDS, paging_state: bytes | None = None
    ) -> ResponseFuture:
        """Begins a request."""
        return self.session.execute_async(statement, timeout=timeout, paging_state=paging_state)

    def close(self) -> None:
        """Ends the session; may be called twice."""
        with self._lock:
            self._closed = True
            opened, self._opened = self._opened, None
        if opened is not None:
            opened[0].shutdown()
