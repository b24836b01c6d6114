"""Databases that no other test uses; they go when the tests that made them are over."""

import uuid
from pathlib import Path
from typing import Self

from harness.servers.mongodb import client
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .reach import store_ref


class Databases:
    """Names them on one server, as its administrator."""

    def __init__(self, server: Server, secrets: Path) -> None:
        self.server = server
        self._secrets = secrets
        self.client = client(server)
        self._made: list[str] = []

    def new(self) -> StoreRef:
        """A DataStore on a fresh one."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        self._made.append(name)
        settings = {
            "hosts": [self.server.address],
            "database": name,
            "authSource": self.server.options.get("authSource", "admin"),
        }
        if "replicaSet" in self.server.options:
            settings["replicaSet"] = self.server.options["replicaSet"]
        return store_ref(self.server, settings, self._secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            self.client.drop_database(name)
        self.client.close()
