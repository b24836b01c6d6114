"""A DataStore's settings and mounted Secret as the driver's options, and the client made of them.

Used by `mongodb.py`. `options` is pure; nothing here connects before the first call of the client. User and
password are never part of a URI, so no message of the driver can repeat them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bson.codec_options import CodecOptions, DatetimeConversion
from pymongo import MongoClient
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.mongodb_errors import spoken
from forebay_workloads.stores.mongodb_uri import Uri, found_in
from forebay_workloads.stores.secrets import (
    check_login,
    client_certificate,
    first,
    hidden,
    read_secret,
)

Document = dict[str, Any]

SELECT_MS = 8_000  # until a server that can answer is found
CONNECT_MS = 5_000
SOCKET_MS = 120_000  # for one answer; a scan's page or a bulk write
WRITE_MS = 60_000  # until a majority has it on disk

# Names under which operators and bindings keep them in a Secret, ours first.
USERS = ("username", "user", "MONGODB_DATABASE_ADMIN_USER", "MONGODB_CLUSTER_ADMIN_USER")
PASSWORDS = ("password", "MONGODB_DATABASE_ADMIN_PASSWORD", "MONGODB_CLUSTER_ADMIN_PASSWORD")

CODEC: CodecOptions[Document] = CodecOptions(
    document_class=dict, datetime_conversion=DatetimeConversion.DATETIME_MS
)
"""Dates as milliseconds: Python's own end at the year 9999 and cost more."""


def options(ref: StoreRef, secret: Mapping[str, str], folder: Path | None) -> dict[str, Any]:
    """What the driver is told. Pure but for the names of certificate files below `folder`."""
    check_login(ref, secret)
    settings = ref.settings
    uri = None if settings.get("hosts") and first(secret, USERS) else found_in(ref, secret)
    chosen: dict[str, Any] = {
        "host": _hosts(ref, secret, uri),
        "appname": "forebay",
        "serverSelectionTimeoutMS": SELECT_MS,
        "connectTimeoutMS": CONNECT_MS,
        "socketTimeoutMS": SOCKET_MS,
        "maxPoolSize": int(ref.limits.get("maxConcurrency") or 64),
    }
    replica_set = settings.get("replicaSet") or (uri.options.get("replicaSet") if uri else None)
    if replica_set:
        chosen["replicaSet"] = replica_set
    return chosen | _login(ref, secret, uri) | _tls(ref, secret, folder, uri)


def _login(ref: StoreRef, secret: Mapping[str, str], uri: Uri | None) -> dict[str, Any]:
    """The Secret's own keys, else those of its connection string, which knows where its user is kept."""
    user, password = first(secret, USERS), first(secret, PASSWORDS)
    source = ref.settings.get("authSource") or "admin"
    if user is None and uri is not None:
        user, password = uri.user, uri.password
        source = uri.options.get("authSource") or source
    if user is None:
        return {}
    return {"username": user, "password": password, "authSource": source}


def _tls(
    ref: StoreRef, secret: Mapping[str, str], folder: Path | None, uri: Uri | None
) -> dict[str, Any]:
    wished = ref.settings.get("tls")
    if wished is None and not (uri and uri.tls):
        return {}
    chosen: dict[str, Any] = {"tls": True}
    if folder is not None and "ca.crt" in secret:
        chosen["tlsCAFile"] = str(folder / "ca.crt")
    client_certificate(ref, secret)  # whether it is there
    return chosen


def _hosts(ref: StoreRef, secret: Mapping[str, str], uri: Uri | None) -> list[str]:
    hosts = ref.settings.get("hosts")
    if hosts:
        return [str(one) for one in hosts]
    if uri is not None:
        return uri.hosts
    if secret.get("host"):
        return [f"{secret['host']}:{secret.get('port') or 27017}"]
    raise ConfigError("ReferenceMissing", f"DataStore {ref.name}: mongodb.hosts is not set")


@contextmanager
def _client_certificate(ref: StoreRef, secret: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """The driver wants key and certificate in one file, which it reads when the client is made."""
    if not (ref.settings.get("tls") or {}).get("clientSecretRef"):
        yield {}
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:  # for its owner alone
        both.write(f"{secret['tls.key']}\n{secret['tls.crt']}\n")
        both.flush()
        yield {"tlsCertificateKeyFile": both.name}


class Connection:
    """One client with its pool, and the database. Threads share it."""

    def __init__(self, ref: StoreRef) -> None:
        database = ref.settings.get("database")
        if not isinstance(database, str) or not database:
            raise ConfigError(
                "ReferenceMissing", f"DataStore {ref.name}: mongodb.database is not set"
            )
        secret = read_secret(ref)
        folder = mounted(ref.secrets) if ref.secrets else None
        chosen = options(ref, secret, folder)
        self.name = ref.name
        self.secrets = hidden(secret)
        self.where = f"MongoDB {','.join(chosen['host'])}, database {database!r}"
        with spoken(self.where, self.secrets), _client_certificate(ref, secret) as certificate:
            self.client: MongoClient[Document] = MongoClient(**chosen, **certificate)
        acknowledged = WriteConcern(w="majority", j=True, wtimeout=WRITE_MS)
        self.database: Database[Document] = self.client.get_database(
            database, codec_options=CODEC, write_concern=acknowledged
        )

    def speak(self, what: str = "") -> Any:
        """`with connection.speak("what"):` around calls of the driver."""
        return spoken(f"{self.where}: {what}" if what else self.where, self.secrets)

    def close(self) -> None:
        """Frees the pool; may be called twice."""
        self.client.close()
