"""A server as its clients are told of it."""

import pytest
from harness.servers.server import Server

SERVER = Server(
    "kafka", 19092, user="forebay", password="p/ä:@ ?", options={"sasl": "SCRAM-SHA-512"}
)


def test_a_uri_says_all_that_a_client_needs():
    assert Server.of(SERVER.uri) == SERVER


def test_a_server_without_passwords_has_a_uri_too():
    assert Server.of("kafka://broker:9092") == Server("kafka", 9092, "broker")
    assert Server("kafka", 9092, "broker").uri == "kafka://broker:9092/"


@pytest.mark.parametrize("text", ["", "localhost:9092", "kafka://broker", "kafka://:9092"])
def test_what_names_no_server_is_refused_without_saying_it_again(text):
    with pytest.raises(ValueError, match="not a server's URI"):
        Server.of(text)


def test_a_password_is_not_shown_where_a_server_is():
    assert SERVER.password not in f"{SERVER} {SERVER!r}"


def test_a_server_is_found_again_by_its_file_that_only_its_owner_can_read(tmp_path):
    file = tmp_path / "server.json"
    SERVER.write(file)
    SERVER.write(file)
    assert Server.read(file) == SERVER
    assert file.stat().st_mode & 0o077 == 0


def test_tests_are_told_of_another_server_by_a_variable_with_its_name():
    assert SERVER.variable == "FOREBAY_TEST_KAFKA"
