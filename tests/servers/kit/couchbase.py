"""Scopes that no other test uses; they go when the tests that made them are over."""

import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from couchbase.exceptions import CouchbaseException
from harness.servers.couchbase import client
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .reach import store_ref


class Scopes:
    """Names them in one bucket, as its administrator. For a stand-in they only begin the names of documents."""

    def __init__(self, server: Server, secrets: Path) -> None:
        self.server = server
        self._secrets = secrets
        self.client = client(server)
        self.bucket = self.client.bucket(server.options["bucket"])
        self._made: list[str] = []

    def new(self) -> StoreRef:
        """A DataStore on a fresh one."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self._made.append(name)
        return self.ref(name)

    def ref(self, scope: str) -> StoreRef:
        """A DataStore on that one."""
        settings: dict[str, Any] = {
            "hosts": [self.server.address],
            "bucket": self.server.options["bucket"],
            "scope": scope,
        }
        if "tls" in self.server.options:
            settings["tls"] = {}
        return store_ref(self.server, settings, self._secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            with suppress(CouchbaseException):  # a stand-in has none
                self.bucket.collections().drop_scope(name)
        self.client.close()
