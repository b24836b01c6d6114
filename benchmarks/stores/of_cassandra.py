"""cassandra-driver's own paths, in an environment with NumPy 1: its NumPy handler finds no rows with 2."""

from collections import deque
from itertools import pairwise

import numpy as np
from cassandra import ConsistencyLevel
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import EXEC_PROFILE_DEFAULT, Cluster, ExecutionProfile
from cassandra.concurrent import execute_concurrent_with_args
from cassandra.policies import DCAwareRoundRobinPolicy, TokenAwarePolicy
from cassandra.protocol import HAVE_CYTHON, NumpyProtocolHandler, ProtocolHandler
from cassandra.query import BatchStatement, BatchType, tuple_factory
from peer import Peer

FETCH, AT_ONCE, PARTS = 5_000, 100, 16
FIRST, LAST = -(2**63), 2**63 - 1


LARGE, SMALL = (
    {4: 100, 32: 50},
    {4: 10, 32: 10},
)  # by shape: a server refuses batches of more than 50 KiB


class Driver(Peer):
    """A session as the vendor's manual makes it: token-aware, its compiled parser, the same consistency as ours."""

    handler = ProtocolHandler

    def connect(self):
        if not HAVE_CYTHON or self.handler is None:
            raise SystemExit("this cassandra-driver was built without its compiled parsers")
        host, _, port = self.settings["contactPoints"][0].rpartition(":")
        profile = ExecutionProfile(
            load_balancing_policy=TokenAwarePolicy(
                DCAwareRoundRobinPolicy(self.settings["localDatacenter"])
            ),
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            row_factory=self.factory(),
            request_timeout=60,
        )
        login = PlainTextAuthProvider(*self.login)
        self.cluster = Cluster(
            [host],
            int(port),
            auth_provider=login,
            protocol_version=5,
            execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        )
        self.session = self.cluster.connect(self.settings["keyspace"])
        self.session.client_protocol_handler = self.handler
        self.session.default_fetch_size = FETCH

    def factory(self):
        """How rows are made."""
        return tuple_factory

    def select(self, table, where=""):
        """The statement that reads all columns."""
        names = ", ".join(f'"{name}"' for name in self.names)
        return self.session.prepare(f'SELECT {names} FROM "{table}"{where}')  # noqa: S608 - our own names

    def insert(self, table):
        """The statement that writes a row."""
        names = ", ".join(f'"{name}"' for name in self.names)
        marks = ", ".join("?" * len(self.names))
        return self.session.prepare(f'INSERT INTO "{table}" ({names}) VALUES ({marks})')  # noqa: S608 - our own names

    def close(self):
        self.cluster.shutdown()


class Tuples(Driver):
    """Paging through the table; the compiled parser makes tuples."""

    def read(self, table, _count):
        return list(self.session.execute(self.select(table).bind(())))


class Ranges(Driver):
    """Token ranges at the same time, by execute_concurrent."""

    def read(self, table, _count):
        statement = self.select(table, ' WHERE token("id") > ? AND token("id") <= ?')
        edges = [FIRST + (LAST - FIRST) * part // PARTS for part in range(PARTS + 1)]
        spans = list(pairwise(edges))
        found = execute_concurrent_with_args(
            self.session, statement, spans, concurrency=4, raise_on_first_error=True
        )
        return [row for _, result in found for row in result]


class Arrays(Driver):
    """Paging through the table; the NumPy handler makes arrays."""

    handler = NumpyProtocolHandler

    def factory(self):
        return lambda _, rows: rows

    def read(self, table, _count):
        result = self.session.execute(self.select(table).bind(()))
        pages = [result._current_rows]  # noqa: SLF001 - pages as such have no other name
        while result.has_more_pages:
            result.fetch_next_page()
            pages.append(result._current_rows)  # noqa: SLF001
        return pages

    def columns(self, found):
        plain = [{n: np.asarray(v) for n, v in page.items()} for page in flat(found)]
        return [
            {n: v.tolist() if v.dtype == object else v for n, v in one.items()} for one in plain
        ]


def flat(pages):
    """The driver hands out a page as such, or in a list."""
    for page in pages:
        yield from page if isinstance(page, list) else [page]


class Concurrent(Driver):
    """execute_concurrent_with_args."""

    def write(self, table, prepared):
        statement = self.insert(table)
        execute_concurrent_with_args(
            self.session, statement, prepared, concurrency=AT_ONCE, results_generator=False
        )


class Batches(Driver):
    """Unlogged batches, some of them in flight. All rows are of one node, so each batch has one replica."""

    rows_of = LARGE

    def write(self, table, prepared):
        statement, flying = self.insert(table), deque()
        size = self.rows_of[self.shape]
        for start in range(0, len(prepared), size):
            batch = BatchStatement(BatchType.UNLOGGED)
            for row in prepared[start : start + size]:
                batch.add(statement, row)
            if len(flying) == 16:
                flying.popleft().result()
            flying.append(self.session.execute_async(batch))
        while flying:
            flying.popleft().result()


class SmallBatches(Batches):
    """As many rows as a server takes without a warning: batches of more partitions are logged there."""

    rows_of = SMALL
