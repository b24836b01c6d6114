"""Prefixes of tables that no other test uses; their tables go when the tests that made them are over."""

import uuid
from pathlib import Path
from typing import Any, Self

from harness.servers.hbase import client
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef


class Prefixes:
    """Names them on one server, as its administrator."""

    def __init__(self, server: Server, _secrets: Path) -> None:
        self.server = server
        self._client: Any = None
        self._made: list[str] = []

    @property
    def client(self) -> Any:
        """A new connection: a gateway ends those that were idle for a minute."""
        if self._client is not None:
            self._client.close()
        self._client = client(self.server)
        return self._client

    def new(self) -> StoreRef:
        """A DataStore on a fresh one."""
        name = f"t-{uuid.uuid4().hex[:12]}-"
        self._made.append(name)
        settings = {"thriftServers": [self.server.address], "tablePrefix": name}
        return StoreRef("hbase", "hbase", settings)  # its gateway asks nobody who they are

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        client = self.client
        for name in client.tables():
            if name.decode().startswith(tuple(self._made)):
                client.delete_table(name, disable=True)
        client.close()
