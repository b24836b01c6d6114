"""The harness's Cassandra: passwords hold, TLS is TLS, and a kill loses nothing that was acknowledged."""

import ssl
from pathlib import Path

import pytest
from cassandra.cluster import NoHostAvailable
from harness.servers import cassandra, life


@pytest.fixture(scope="module")
def node(spare):
    return spare("cassandra")


def asked(node, text, *values, user="", password="", context=None):
    """The rows of the answer."""
    with cassandra.cluster(node, user, password, context) as cluster:
        return list(cluster.connect().execute(text, values or None))


def test_the_user_may_make_keyspaces_and_nobody_gets_in_without_the_password(node):
    asked(
        node,
        "CREATE KEYSPACE IF NOT EXISTS k WITH replication ="
        " {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
    )
    for user, password in ((node.user, "wrong"), ("cassandra", "cassandra")):
        with pytest.raises(NoHostAvailable, match=r"AuthenticationFailed|Bad credentials"):
            asked(node, "SELECT * FROM system.local", user=user, password=password)


def test_tls_is_there_for_those_who_trust_its_ca(node):
    trusting = ssl.create_default_context(cafile=f"{node.folder}/pki/ca.crt")
    trusting.check_hostname = False  # the driver gives no name to check
    assert asked(node, "SELECT cluster_name FROM system.local", context=trusting)
    with pytest.raises(NoHostAvailable, match="CERTIFICATE_VERIFY_FAILED"):
        asked(node, "SELECT * FROM system.local", context=ssl.create_default_context())


def test_a_kill_loses_no_row(node):
    asked(
        node,
        "CREATE KEYSPACE IF NOT EXISTS k WITH replication ="
        " {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}",
    )
    asked(node, "CREATE TABLE k.t (id int PRIMARY KEY)")
    with cassandra.cluster(node) as cluster:
        session = cluster.connect("k")
        for number in range(100):
            session.execute("INSERT INTO t (id) VALUES (%s)", (number,))
    root = Path(node.folder).parent
    life.kill("cassandra", root)
    assert life.start("cassandra", root) == node
    assert {row.id for row in asked(node, "SELECT id FROM k.t")} == set(range(100))
