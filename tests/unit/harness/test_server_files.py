"""What the servers are configured with."""

import json

import pytest
from harness.folders import StateFolder
from harness.servers import cassandra, java, kafka
from harness.servers.server import Server


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path / "state")


@pytest.fixture
def broker():
    ports = {"controller": 29093, "tls": 29094, "expired": 29095}
    return Server("kafka", 29092, user="forebay", password="word", ports=ports)


@pytest.fixture
def node():
    return Server("cassandra", 29042, ports={"storage": 29043, "ssl_storage": 29044})


def test_maven_is_told_the_artefacts_and_nothing_else():
    text = java.project("kafka", ["org.apache.kafka:kafka_2.13:4.4.0"])
    assert "<artifactId>kafka_2.13</artifactId><version>4.4.0</version>" in text
    assert text.count("<dependency>") == 1


def test_every_listener_is_a_loopback_one_and_clients_need_a_password(folder, broker):
    lines = dict(line.split("=", 1) for line in kafka.properties(folder, broker).splitlines())
    assert set(lines["listeners"].split(",")) == {
        "CLIENTS://127.0.0.1:29092", "CONTROLLER://127.0.0.1:29093",
        "TLS://127.0.0.1:29094", "EXPIRED://127.0.0.1:29095",
    }  # fmt: skip
    security = dict(pair.split(":") for pair in lines["listener.security.protocol.map"].split(","))
    assert {name for name, how in security.items() if how == "PLAINTEXT"} == {"CONTROLLER"}
    assert lines["log.dirs"] == f"{folder.root}/data"
    for listener in ("clients", "tls", "expired"):
        assert 'user_forebay="word"' in lines[f"listener.name.{listener}.plain.sasl.jaas.config"]


def test_a_client_logs_in_as_the_server_s_uri_says(broker):
    settings = kafka.client_settings(Server.of(broker.uri + "?sasl=SCRAM-SHA-256"))
    assert settings["sasl.mechanism"] == "SCRAM-SHA-256"
    assert settings["sasl.password"] == "word"
    assert "security.protocol" not in kafka.client_settings(Server("kafka", 9092))


def test_cassandra_keeps_everything_in_its_folder_and_asks_for_a_password(folder, node):
    settings = cassandra.settings(folder, node)
    paths = [value for name, value in settings.items() if name.endswith("_directory")]
    assert all(path.startswith(f"{folder.root}/data/") for path in paths)
    assert settings["listen_address"] == settings["rpc_address"] == "127.0.0.1"
    assert settings["authenticator"] == "PasswordAuthenticator"
    assert settings["native_transport_port"] == 29042
    assert settings["seed_provider"][0]["parameters"] == [{"seeds": "127.0.0.1:29043"}]


def test_cassandra_s_files_are_what_it_reads(folder, node):
    cassandra.Cassandra().prepare(folder.root, folder, node)
    written = json.loads((folder.root / "conf/cassandra.yaml").read_text())
    assert written == cassandra.settings(folder, node)


def test_a_small_jvm_leaves_nothing_outside_the_state_folder(folder, tmp_path):
    command = java.command(tmp_path / "lib", folder, "64m", "Main")
    assert f"-Djava.io.tmpdir={folder.root}/tmp" in command
    assert "-XX:-UsePerfData" in command  # it would write to the machine's /tmp
    assert command[-1] == "Main"
