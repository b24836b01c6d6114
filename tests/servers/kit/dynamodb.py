"""Prefixes of tables that no other test uses; their tables go when the tests that made them are over."""

import uuid
from pathlib import Path
from typing import Self

from harness.servers.dynamodb import client, endpoint
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .reach import store_ref


class Prefixes:
    """Names them on one service, as its administrator."""

    def __init__(self, server: Server, secrets: Path) -> None:
        self.server = server
        self._secrets = secrets
        self.client = client(server)
        self._made: list[str] = []

    def new(self) -> StoreRef:
        """A DataStore on a fresh one."""
        name = f"t-{uuid.uuid4().hex[:12]}-"
        self._made.append(name)
        settings = {"region": self.server.options["region"], "tablePrefix": name}
        if endpoint(self.server):
            settings["endpoint"] = endpoint(self.server)
        return store_ref(self.server, settings, self._secrets)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for page in self.client.get_paginator("list_tables").paginate():
            for name in page["TableNames"]:
                if name.startswith(tuple(self._made)):
                    self.client.delete_table(TableName=name)
        self.client.close()
