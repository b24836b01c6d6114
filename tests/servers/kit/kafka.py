"""Topics and groups that no other test uses; they go when the tests that made them are over."""

import uuid
from pathlib import Path
from typing import Self

from confluent_kafka.admin import AdminClient, NewTopic
from harness.servers.kafka import client_settings
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .reach import store_ref


class Topics:
    """Makes them on one broker, as its administrator."""

    def __init__(self, server: Server, secrets: Path) -> None:
        self.server = server
        self._secrets = secrets
        self.admin = AdminClient(client_settings(server))
        self._prefixes: list[str] = []

    def ref(self) -> StoreRef:
        """The DataStore."""
        settings = {"bootstrapServers": [self.server.address]}
        if self.server.user:
            settings["saslMechanism"] = self.server.options.get("sasl", "PLAIN")
        return store_ref(self.server, settings, self._secrets)

    def prefix(self) -> str:
        """For the names of topics and groups: what begins with it is removed at the end."""
        self._prefixes.append(f"t-{uuid.uuid4().hex[:12]}-")
        return self._prefixes[-1]

    def make(self, name: str, partitions: int = 1, **config: str) -> str:
        """Makes a topic; returns its name."""
        topic = NewTopic(name, partitions, 1, config=config)
        self.admin.create_topics([topic])[name].result(30)
        return name

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        groups = self.admin.list_consumer_groups().result(30).valid
        self._remove_groups([group.group_id for group in groups if self._is_ours(group.group_id)])
        topics = [name for name in self.admin.list_topics(timeout=30).topics if self._is_ours(name)]
        for removed in self.admin.delete_topics(topics).values() if topics else ():
            removed.result(30)

    def _remove_groups(self, names: list[str]) -> None:
        for removed in self.admin.delete_consumer_groups(names).values() if names else ():
            removed.result(30)

    def _is_ours(self, name: str) -> bool:
        return name.startswith(tuple(self._prefixes))
