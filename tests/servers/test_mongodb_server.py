"""The harness's stand-in for MongoDB: passwords hold, and a kill loses nothing that was acknowledged."""

from dataclasses import replace
from pathlib import Path

import pytest
from harness.servers import life
from harness.servers.mongodb import client
from pymongo.errors import OperationFailure


@pytest.fixture(scope="module")
def node(spare):
    return spare("mongodb")


def test_nobody_gets_in_without_the_password(node):
    for other in (replace(node, password="wrong"), replace(node, user="", options={})):
        with client(other) as opened, pytest.raises(OperationFailure):
            opened["shop"]["rows"].find_one()


def test_a_kill_loses_no_document(node):
    with client(node) as opened:
        opened["shop"]["rows"].insert_many([{"_id": number} for number in range(100)])
    root = Path(node.folder).parent
    life.kill("mongodb", root)
    assert life.start("mongodb", root) == node
    with client(node) as opened:
        assert opened["shop"]["rows"].count_documents({}) == 100
