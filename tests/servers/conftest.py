"""Real servers for every test here: `make conformance STORE=x` starts one and runs its tests.

There is no skip: without its server a test fails with the command that starts one. FOREBAY_TEST_<NAME> names
somebody else's server, as the URI that `python -m harness.servers up NAME` prints.

For each server there are: `new_x`, which gives a StoreRef of a fresh keyspace or database at each call; `x`, one
StoreRef for the whole module. Kafka has `kafka` and `prefix`, a new one for the topics and groups of each test.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from harness.servers import life, ports
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef

from .kit.reach import server

HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test of this folder needs a server."""
    for item in items:
        if HERE in item.path.parents:
            item.add_marker("servers")


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a test's DataStores find user and password, each in a folder of its own."""
    return tmp_path_factory.mktemp("secrets")


@pytest.fixture(scope="module")
def keyspaces(secrets: Path) -> Iterator:
    """Cassandra as its administrator sees it: `.new()`, `.session`, `.server`."""
    from .kit.cassandra import Keyspaces

    with Keyspaces(server("cassandra"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def new_cassandra(keyspaces) -> Callable[[], StoreRef]:
    """A DataStore on a fresh keyspace, at each call."""
    return keyspaces.new


@pytest.fixture(scope="module")
def cassandra(keyspaces) -> StoreRef:
    """A DataStore on a fresh keyspace."""
    return keyspaces.new()


@pytest.fixture(scope="module")
def databases(secrets: Path) -> Iterator:
    """MongoDB as its administrator sees it: `.new()`, `.client`, `.server`."""
    from .kit.mongodb import Databases

    with Databases(server("mongodb"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def new_mongodb(databases) -> Callable[[], StoreRef]:
    """A DataStore on a fresh database, at each call."""
    return databases.new


@pytest.fixture(scope="module")
def mongodb(databases) -> StoreRef:
    """A DataStore on a fresh database."""
    return databases.new()


@pytest.fixture(scope="module")
def prefixes(secrets: Path) -> Iterator:
    """DynamoDB as its administrator sees it: `.new()`, `.client`, `.server`."""
    from .kit.dynamodb import Prefixes

    with Prefixes(server("dynamodb"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def dynamodb(prefixes) -> StoreRef:
    """A DataStore on a fresh prefix of tables."""
    return prefixes.new()


@pytest.fixture(scope="module")
def hbases(secrets: Path) -> Iterator:
    """HBase as its administrator sees it: `.new()`, `.client`, `.server`."""
    from .kit.hbase import Prefixes

    with Prefixes(server("hbase"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def hbase(hbases) -> StoreRef:
    """A DataStore on a fresh prefix of tables."""
    return hbases.new()


@pytest.fixture(scope="module")
def scopes(secrets: Path) -> Iterator:
    """Couchbase as its administrator sees it: `.new()`, `.bucket`, `.client`, `.server`."""
    from .kit.couchbase import Scopes

    with Scopes(server("couchbase"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def couchbase(scopes) -> StoreRef:
    """A DataStore on a fresh scope."""
    return scopes.new()


@pytest.fixture(scope="module")
def topics(secrets: Path) -> Iterator:
    """Kafka as its administrator sees it: `.make(name, partitions)`, `.admin`, `.server`."""
    from .kit.kafka import Topics

    with Topics(server("kafka"), secrets) as made:
        yield made


@pytest.fixture(scope="module")
def kafka(topics) -> StoreRef:
    """A DataStore of the broker."""
    return topics.ref()


@pytest.fixture
def prefix(topics) -> str:
    """Begins the names of this test's topics and groups."""
    return topics.prefix()


@pytest.fixture(scope="module")
def spare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Server]]:
    """Starts a server of this module's own, on free ports: one that a test may end, and whose certificates it has."""
    root = tmp_path_factory.mktemp("servers")
    with pytest.MonkeyPatch.context() as patch:
        for name in life.RECIPES:
            patch.setenv(ports.variable(name), ports.FREE)
        yield lambda name: life.up(name, root)
    for folder in root.iterdir():
        if folder.is_dir():
            life.down(folder.name, root)
