"""The harness's stand-in for Couchbase: on loopback only, its password no one else's to read."""

import socket
import stat
from pathlib import Path

import pytest
from harness.servers.couchbase import client


@pytest.fixture(scope="module")
def node(spare):
    return spare("couchbase")


def test_it_keeps_documents(node):
    opened = client(node)
    collection = opened.bucket(node.options["bucket"]).default_collection()
    collection.upsert("a", {"text": "sch\u00f6n"})
    assert collection.get("a").content_as[dict] == {"text": "sch\u00f6n"}
    opened.close()


def test_its_password_is_its_owners_alone(node):
    file = Path(node.folder) / "conf" / "password"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_listens_on_one_address_of_loopback_only(node):
    for port in (node.port, *node.ports.values()):
        with socket.create_server(("127.0.0.2", port)):  # taken, where it listens on all of them
            pass
