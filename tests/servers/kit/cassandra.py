"""Keyspaces that no other test uses; they go when the tests that made them are over."""

import uuid
from pathlib import Path
from typing import Self

from harness.servers.cassandra import DATACENTER, cluster
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .reach import store_ref


class Keyspaces:
    """Makes them on one server, as its administrator."""

    def __init__(self, server: Server, secrets: Path) -> None:
        self.server = server
        self._secrets = secrets
        self._cluster = cluster(server)
        self.session = self._cluster.connect()
        self._made: list[str] = []

    def new(self) -> StoreRef:
        """A DataStore on a fresh one."""
        name = f"t_{uuid.uuid4().hex[:12]}"
        datacenter = self.server.options.get("datacenter", DATACENTER)
        self.session.execute(
            f"CREATE KEYSPACE {name} WITH replication ="
            f" {{'class': 'NetworkTopologyStrategy', '{datacenter}': 1}}"
        )
        self._made.append(name)
        settings = {
            "contactPoints": [self.server.address],
            "keyspace": name,
            "localDatacenter": datacenter,
        }
        return store_ref(self.server, settings, self._secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for name in self._made:
            self.session.execute(f"DROP KEYSPACE IF EXISTS {name}", timeout=60)
        self._cluster.shutdown()
