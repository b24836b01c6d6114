"""examples/recommendation-nosql on servers of these tests. Used here and in tests/e2e.

Addresses and names are changed, Secrets made, the topic filled; all else is as the example has it.
"""

import csv
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from cassandra import InvalidRequest
from confluent_kafka import Producer
from harness.servers.kafka import client_settings
from harness.servers.server import Server

from .cassandra import Keyspaces
from .kafka import Topics
from .mongodb import Databases

EXAMPLE = Path(__file__).parents[3] / "examples/recommendation-nosql/movies.yaml"
SERVERS = ("kafka", "cassandra", "mongodb")


@contextmanager
def placed(servers: Mapping[str, Server], folder: Path) -> Iterator["Movies"]:
    """The example on a fresh topic, keyspace and database, which go at the end."""
    with (
        Topics(servers["kafka"], folder) as topics,
        Keyspaces(servers["cassandra"], folder) as keyspaces,
        Databases(servers["mongodb"], folder) as databases,
    ):
        yield Movies(topics, keyspaces, databases)


class Movies:
    """What goes in, and what came out."""

    def __init__(self, topics: Topics, keyspaces: Keyspaces, databases: Databases) -> None:
        self._servers = {one.server.name: one.server for one in (topics, keyspaces, databases)}
        self._refs = dict(
            zip(SERVERS, (topics.ref(), keyspaces.new(), databases.new()), strict=True)
        )
        prefix = topics.prefix()
        self._topic, self._dead = topics.make(f"{prefix}ratings", 3), topics.make(f"{prefix}dead")
        self._session, self._client = keyspaces.session, databases.client

    @property
    def passwords(self) -> list[str]:
        """What must be read nowhere."""
        return [server.password for server in self._servers.values()]

    def objects(self, port: int = 3000) -> list[dict[str, Any]]:
        """The example's objects, and the Secrets that it leaves to its user."""
        found = list(yaml.safe_load_all(EXAMPLE.read_text()))
        for one in found:
            spec = one["spec"]
            if one["kind"] == "DataStore":
                spec[spec["type"]] = dict(self._refs[spec["type"]].settings)
            if one["kind"] == "NoSQLPipeline":
                spec["ingest"]["from"]["topic"] = self._topic
                spec["ingest"]["delivery"]["deadLetter"]["topic"] = self._dead
            if one["kind"] == "ModelDeployment":
                spec["rest"]["port"] = port
        return [*map(_secret, self._servers.values()), *found]

    def fill(self, ratings: Path, poison: int = 0) -> int:
        """Produces a record for each rating, and `poison` others that are none; returns how many ratings."""
        producer = Producer({**client_settings(self._servers["kafka"]), "linger.ms": 20})
        with ratings.open(newline="") as file:
            records = [{k: int(float(v)) for k, v in row.items()} for row in csv.DictReader(file)]
        for record in records:
            key = f"{record['user_id']}:{record['movie_id']}"
            producer.produce(self._topic, json.dumps(record).encode(), key.encode())
            producer.poll(0)
        for number in range(poison):
            producer.produce(self._topic, b'{"user_id": ', str(number).encode())
        assert producer.flush(60) == 0
        return len(records)

    def rows(self) -> int:
        """Ratings in Cassandra; 0 before the table is made."""
        self._session.set_keyspace(self._refs["cassandra"].settings["keyspace"])
        try:
            return self._session.execute("SELECT count(*) FROM ratings", timeout=60).one()[0]
        except InvalidRequest:
            return 0

    def lists(self) -> int:
        """Entries of top-10 lists in MongoDB."""
        database = self._client[self._refs["mongodb"].settings["database"]]
        return database["recommendations"].estimated_document_count()


def _secret(server: Server) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{server.name}-user"},
        "stringData": {"username": server.user, "password": server.password},
    }
