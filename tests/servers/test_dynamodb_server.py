"""The harness's DynamoDBLocal: on loopback only, and a kill loses nothing that was acknowledged."""

import socket
from pathlib import Path

import pytest
from harness.servers import life
from harness.servers.dynamodb import client


@pytest.fixture(scope="module")
def node(spare):
    return spare("dynamodb")


def test_a_kill_loses_no_item(node):
    opened = client(node)
    opened.create_table(
        TableName="rows",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "N"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for number in range(20):
        opened.put_item(TableName="rows", Item={"id": {"N": str(number)}})
    root = Path(node.folder).parent
    life.kill("dynamodb", root)
    assert life.start("dynamodb", root) == node
    found = opened.scan(TableName="rows")["Items"]
    assert sorted(int(one["id"]["N"]) for one in found) == list(range(20))


def test_it_listens_on_one_address_of_loopback_only(node):
    with socket.create_server(("127.0.0.2", node.port)):  # taken, where it listens on all of them
        assert client(node).list_tables()
