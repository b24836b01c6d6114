"""Where a server listens: where its recipe says, where the environment says, never where somebody else does."""

import socket
import threading

import pytest
from harness.servers import ports


@pytest.fixture
def taken():
    """A port that somebody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_a_new_server_listens_where_its_recipe_says(monkeypatch):
    monkeypatch.delenv("SERVERS_PORT_KAFKA", raising=False)
    assert ports.choose("kafka", 19092, 2) == 19092


def test_or_where_the_environment_says(monkeypatch):
    monkeypatch.setenv("SERVERS_PORT_KAFKA", "29092")
    assert ports.choose("kafka", 19092, 2) == 29092


def test_free_ports_are_in_a_row_below_those_that_the_kernel_gives_to_clients(monkeypatch):
    monkeypatch.setenv("SERVERS_PORT_KAFKA", "free")
    first = ports.choose("kafka", 19092, 3)
    assert 20_000 <= first < 30_000
    ports.check("kafka", [first, first + 1, first + 2])


def test_what_is_no_port_is_told(monkeypatch):
    monkeypatch.setenv("SERVERS_PORT_KAFKA", "nine")
    with pytest.raises(RuntimeError, match="SERVERS_PORT_KAFKA=nine: give a number, or free"):
        ports.choose("kafka", 19092, 2)


def test_a_port_that_somebody_has_is_told_with_a_way_out(taken):
    with pytest.raises(RuntimeError, match=f"port {taken}, which kafka .*SERVERS_PORT_KAFKA=free"):
        ports.check("kafka", [taken], seconds=0)


def test_a_port_that_is_given_back_in_time_is_waited_for():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        threading.Timer(0.3, listener.close).start()
        ports.check("kafka", [port], seconds=2)
