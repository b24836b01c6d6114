"""What `forebay dev up` prints is what a pipeline takes."""

import pytest
from harness.servers import life
from harness.servers.datastore import objects
from harness.servers.server import Server

from forebay.api.schema import validate
from forebay.api.v1alpha1.datastore import TYPES
from forebay.cli import dev


def server(name):
    how = life.recipe(name)
    return Server(name, how.port, user=how.user, password="s3cret", options=how.options)


@pytest.mark.parametrize("name", life.RECIPES)
def test_each_server_has_a_datastore_that_is_valid_and_names_its_secret(name):
    *secrets, store = objects(server(name))
    assert validate(store) == []
    assert store["spec"]["type"] == name
    if server(name).user:
        (secret,) = secrets
        assert store["spec"]["auth"]["secretRef"]["name"] == secret["metadata"]["name"]
        assert secret["stringData"] == {"username": "forebay", "password": "s3cret"}
        assert "s3cret" not in str(store)


def test_a_server_without_a_password_has_no_secret():
    found = objects(Server("hbase", 9090))
    assert [one["kind"] for one in found] == ["DataStore"]
    assert "auth" not in found[0]["spec"]


def test_a_server_of_a_kind_that_is_not_known_has_nothing_to_paste():
    assert objects(Server("other", 1, user="me")) == []


def test_the_command_line_offers_each_server_that_the_harness_has():
    assert set(life.RECIPES) == set(dev.NAMES) == set(TYPES) - {"embedded", "files"}
