"""A DataStore's settings and mounted Secret as the driver's options, its client, and calls that outlast a moment.

Used by the Couchbase adapter's other modules. Nothing here connects before the first call. What may pass is tried again
for about a minute: every call of ours may be repeated.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

from couchbase.auth import CertificateAuthenticator, PasswordAuthenticator
from couchbase.cluster import Cluster
from couchbase.constants import FMT_BYTES, FMT_JSON
from couchbase.durability import Durability, ServerDurability
from couchbase.options import ClusterOptions, ClusterTimeoutOptions
from couchbase.result import GetResult
from couchbase.transcoder import Transcoder

from forebay_workloads import tls
from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError
from forebay_workloads.stores.couchbase_errors import (
    EXISTS,
    MISSING,
    CouchbaseError,
    spoken,
    translated,
)
from forebay_workloads.stores.couchbase_names import DEFAULT, Place
from forebay_workloads.stores.pauses import pauses
from forebay_workloads.stores.secrets import (
    check_login,
    client_certificate,
    first,
    hidden,
    read_secret,
)

USERS, PASSWORDS = ("username", "user"), ("password",)
TLS_PORT = 11207
CONNECT_SECONDS, ANSWER_SECONDS = 10, 10
LOOK_SECONDS = 5  # for the certificates of hosts, some of which may not answer
PATIENCE = 8  # further attempts
CONCURRENCY = 16
AT_ONCE, BYTES_AT_ONCE = 256, 4 << 20  # documents of one request of several

T = TypeVar("T")


class _Json(Transcoder):  # type: ignore[misc]
    """Documents cross as the bytes of their JSON."""

    def encode_value(self, value: bytes) -> tuple[bytes, int]:
        return value, FMT_JSON

    def decode_value(self, value: bytes, flags: int) -> bytes:  # noqa: ARG002 - of others too
        return value


class _Bytes(_Json):
    def encode_value(self, value: bytes) -> tuple[bytes, int]:
        return value, FMT_BYTES


JSON, BYTES = _Json(), _Bytes()


@dataclass(frozen=True)
class Outcome:
    """What became of each document of a request of several."""

    done: dict[str, bytes] = field(default_factory=dict)  # with its content, where it was asked for
    missing: set[str] = field(default_factory=set)
    there: set[str] = field(default_factory=set)  # an insert found it
    refused: dict[str, DataError] = field(default_factory=dict)


def hosts_of(ref: StoreRef, secret: Mapping[str, str]) -> list[str]:
    """The nodes to ask first; ConfigError ReferenceMissing when none is named. Pure."""
    hosts = ref.settings.get("hosts")
    if hosts:
        return [str(one) for one in hosts]
    if secret.get("host"):
        return [f"{secret['host']}{':' + secret['port'] if secret.get('port') else ''}"]
    raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: couchbase.hosts is not set")


def authenticator(ref: StoreRef, secret: Mapping[str, str]) -> Any:
    """User and password, or the client's certificate; ConfigError SecretMissing when there is neither."""
    wished = ref.settings.get("tls")
    folder = mounted(ref.secrets) if ref.secrets else None
    ca = str(folder / "ca.crt") if folder and wished is not None and "ca.crt" in secret else None
    if pair := client_certificate(ref, secret):
        return CertificateAuthenticator(cert_path=pair[0], key_path=pair[1], trust_store_path=ca)
    check_login(ref, secret)
    user, password = first(secret, USERS), first(secret, PASSWORDS)
    if user is None or password is None:
        lacks = "password" if user else "username"
        raise ConfigError("SecretMissing", f"DataStore {ref.name}: its Secret has no {lacks!r}")
    return PasswordAuthenticator(user, password, cert_path=ca)


class Connection:
    """One client with its pool. Threads share it."""

    def __init__(self, ref: StoreRef) -> None:
        bucket = ref.settings.get("bucket")
        if not isinstance(bucket, str) or not bucket:
            message = f"DataStore {ref.name}: couchbase.bucket is not set"
            raise ConfigError("ReferenceMissing", message)
        secret = read_secret(ref)
        self.name = ref.name
        self.scope = str(ref.settings.get("scope") or DEFAULT)
        self.bucket_name = bucket
        self.concurrency = int(ref.limits.get("maxConcurrency") or CONCURRENCY)
        self.secrets = hidden(secret)
        self._hosts = hosts_of(ref, secret)
        self._login = authenticator(ref, secret)
        self._encrypted = ref.settings.get("tls") is not None
        self.where = f"Couchbase {','.join(self._hosts)}, bucket {bucket!r}"
        self.pool = ThreadPoolExecutor(self.concurrency, "couchbase")
        self._lock = threading.Lock()
        self._cluster: Any = None
        self._bucket: Any = None
        self._scopes: bool | None = None
        self._closed = False

    def speak(self, what: str = "") -> Any:
        """`with connection.speak("what"):` around calls of the driver."""
        return spoken(f"{self.where}: {what}" if what else self.where, self.secrets)

    @property
    def cluster(self) -> Any:
        """The client; the first use connects it."""
        self._connect()
        return self._cluster

    @property
    def bucket(self) -> Any:
        """The bucket; the first use connects."""
        self._connect()
        return self._bucket

    def _connect(self) -> None:
        with self._lock:
            if self._bucket is None and not self._closed:
                cluster, bucket = self._opened()
                if self._closed:  # meanwhile: who closes does not wait for those who connect
                    _close(cluster)
                else:
                    self._cluster, self._bucket = cluster, bucket
        if self._closed:
            raise ConfigError("StoreUnreachable", f"{self.where}: the store is closed")

    def _opened(self) -> tuple[Any, Any]:
        untrusted = self._of_certificate()
        if untrusted is not None:
            raise untrusted
        scheme = "couchbases" if self._encrypted else "couchbase"
        try:
            with self.speak("cannot be opened"):
                cluster = Cluster(f"{scheme}://{','.join(self._hosts)}", _options(self._login))
                return cluster, cluster.bucket(self.bucket_name)
        except RetryableError as error:
            raise self._of_certificate() or error from error

    def _of_certificate(self) -> StageError | None:
        """What is wrong with one of the hosts named; looked at here, as the driver compares no names.

        Of another fault it says only that nobody answers.
        """
        if not self._encrypted:
            return None
        ca, end = self._login.as_dict().get("trust_store_path"), time.monotonic() + LOOK_SECONDS
        for one in self._hosts:
            if time.monotonic() > end:
                break
            host, colon, port = one.rpartition(":")
            found = tls.why(host if colon else one, int(port) if colon else TLS_PORT, ca)
            if found:
                message = f"{self.where}: the server's certificate is not trusted: {found}"
                return RetryableError("CertificateInvalid", message)
        return None

    def version(self) -> str:
        """Of the server, which has to let us read for it."""
        self.many(Place(), "get", {"-": b""}, "cannot be read")
        told = self.patiently(lambda: self.cluster.cluster_info().server_version, "its version")
        # One without a cluster manager tells none.
        return str(told) if any(map(str.isdigit, str(told))) else "before 7.0"

    @property
    def has_collections(self) -> bool:
        """Whether the server knows collections (7.0), and with them durable writes and kept expiries."""
        if self._scopes is None:
            self.scopes()
        return bool(self._scopes)

    def scopes(self) -> dict[str, set[str]]:
        """The collections of each scope; none where the server knows none."""
        if self._scopes is False:
            return {}
        manager = self.bucket.collections()
        try:
            found = self.patiently(manager.get_all_scopes, "its scopes")
        except ConfigError as error:
            if error.reason not in ("FieldNotSupportedInMode", "ReferenceMissing"):
                raise
            self._scopes = False  # the bucket is open: it is the question that nobody understands
            return {}
        self._scopes = True
        return {scope.name: {one.name for one in scope.collections} for scope in found}

    def collection(self, place: Place) -> Any:
        """The driver's own."""
        if (place.scope, place.collection) == (DEFAULT, DEFAULT):
            return self.bucket.default_collection()
        return self.bucket.scope(place.scope).collection(place.collection)

    def durable(self) -> dict[str, Any]:
        """The option of a write that outlives the node that took it, where the server has that."""
        return {"durability": ServerDurability(Durability.MAJORITY)} if self.has_collections else {}

    def patiently(self, work: Callable[[], T], what: str, end: float | None = None) -> T:
        """The call's answer; what a moment's wait may cure is tried again."""
        waits = pauses(PATIENCE)
        while True:
            try:
                with self.speak(what):
                    return work()
            except RetryableError as error:
                hopeless = self._bucket is None or not waits or _late(end, waits[0])
                if hopeless or error.reason == "CertificateInvalid":
                    raise
            time.sleep(waits.pop(0))

    def many(
        self,
        place: Place,
        operation: str,
        documents: Mapping[str, bytes],
        what: str = "",
        end: float | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> Outcome:
        """`get`, `insert`, `replace`, `upsert`, `remove` or `touch` of many documents, by their names in that place."""
        outcome = Outcome()
        for some in parted(documents):
            todo = some
            waits = pauses(PATIENCE)
            while todo:
                found = self._several(place, operation, todo, what, options or {})
                todo, error = self._sorted(place, found, outcome, what)
                if error is None:
                    break
                if not waits or _late(end, waits[0]):
                    raise error
                time.sleep(waits.pop(0))
                todo = {name: some[name] for name in todo}
        return outcome

    def _several(
        self,
        place: Place,
        operation: str,
        documents: Mapping[str, bytes],
        what: str,
        options: Mapping[str, Any],
    ) -> Mapping[str, Any]:
        """What the driver says of each document: its result, or its exception."""
        call = getattr(self.collection(place), f"{operation}_multi")
        values = operation in ("insert", "replace", "upsert")
        full = {f"{place.prefix}{name}": data for name, data in documents.items()}
        chosen = {"return_exceptions": True, **options}
        if operation in ("insert", "replace", "upsert", "get"):
            chosen.setdefault("transcoder", JSON)
        if operation not in ("get", "touch"):
            chosen |= self.durable()
        arguments: list[Any] = [full if values else list(full)]
        if operation == "touch":
            arguments.append(timedelta(0))
        with self.speak(what):
            found = call(*arguments, **chosen)
        return {**found.results, **found.exceptions}

    def _sorted(
        self, place: Place, found: Mapping[str, Any], outcome: Outcome, what: str
    ) -> tuple[dict[str, bytes], StageError | None]:
        """Into the outcome; what is to be tried again, and why."""
        again: dict[str, bytes] = {}
        last: StageError | None = None
        for full, one in found.items():
            name = full[len(place.prefix) :]
            if not isinstance(one, Exception):
                outcome.done[name] = _content(one)
            elif isinstance(one, MISSING):
                outcome.missing.add(name)
            elif isinstance(one, EXISTS):
                outcome.there.add(name)
            else:
                error = translated(one, f"{self.where}: {what}", self.secrets)
                if isinstance(error, DataError):
                    outcome.refused[name] = error
                elif isinstance(error, RetryableError):
                    again[name] = b""
                    last = error
                else:
                    raise error from one
        return again, last

    def close(self) -> None:
        """Frees connections; may be called twice."""
        self.pool.shutdown(wait=False, cancel_futures=True)
        self._closed = True
        cluster, self._cluster, self._bucket = self._cluster, None, None
        if cluster is not None:
            _close(cluster)


def _close(cluster: Any) -> None:
    with suppress(CouchbaseError):
        cluster.close()


def _options(login: Any) -> Any:
    connect, answer = timedelta(seconds=CONNECT_SECONDS), timedelta(seconds=ANSWER_SECONDS)
    timeouts = ClusterTimeoutOptions(bootstrap_timeout=connect, kv_timeout=answer)
    return ClusterOptions(
        login,
        timeout_options=timeouts,
        enable_tracing=False,
        enable_metrics=False,
        enable_orphan_reporting=False,
    )


def _content(result: Any) -> bytes:
    """Of a read; empty for other calls."""
    found: bytes = result.value if isinstance(result, GetResult) else b""
    return found


def _late(end: float | None, pause: float) -> bool:
    return end is not None and time.monotonic() + pause > end


def parted(documents: Mapping[str, bytes]) -> Iterator[dict[str, bytes]]:
    """Of one request: at most AT_ONCE and about BYTES_AT_ONCE. Pure."""
    some: dict[str, bytes] = {}
    size = 0
    for name, data in documents.items():
        if some and (len(some) == AT_ONCE or size + len(data) > BYTES_AT_ONCE):
            yield some
            some, size = {}, 0
        some[name] = data
        size += len(data)
    if some:
        yield some


def names_only(names: Iterable[str]) -> dict[str, bytes]:
    """For calls that bring no content."""
    return dict.fromkeys(names, b"")
