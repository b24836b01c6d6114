"""The harness's HBase: on loopback only, and a kill loses nothing that was acknowledged."""

import socket
from pathlib import Path

import pytest
from harness.servers import life
from harness.servers.hbase import client


@pytest.fixture(scope="module")
def node(spare):
    return spare("hbase")


def test_a_kill_loses_no_row(node):
    opened = client(node)
    opened.create_table("rows", {"f": {}})
    for number in range(100):
        opened.table("rows").put(b"%03d" % number, {b"f:v": b"x"})
    root = Path(node.folder).parent
    life.kill("hbase", root)
    assert life.start("hbase", root) == node
    found = [name for name, _ in client(node).table("rows").scan()]
    assert found == [b"%03d" % number for number in range(100)]


def test_it_listens_on_one_address_of_loopback_only(node):
    for port in (node.port, *node.ports.values()):
        with socket.create_server(("127.0.0.2", port)):  # taken, where it listens on all of them
            pass
