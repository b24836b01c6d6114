"""Servers by name, with a program in their place that sleeps: found again, killed, started on the same data."""

import sys
from typing import ClassVar

import pytest
from harness.servers import __main__ as command
from harness.servers import life

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]


class Sleeper:
    """A recipe of a server that only sleeps; it writes down how often it was prepared."""

    port = 29999
    others = ("second",)
    user = "forebay"
    options: ClassVar = {"how": "quietly"}
    program = SLEEPER

    def install(self):
        return None

    def prepare(self, _programs, folder, server):
        with (folder.folder("data") / "starts").open("a") as file:
            file.write(f"{server.port}\n")

    def command(self, *_):
        return self.program

    def answers(self, _):
        return True


class Refusing(Sleeper):
    """Its program ends at once."""

    program = ("sh", "-c", "echo no such option >&2; exit 1")

    def answers(self, _):
        return False


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A state folder where `kafka` is a sleeper and `cassandra` ends at once."""
    recipes = {"kafka": (__name__, "Sleeper"), "cassandra": (__name__, "Refusing")}
    monkeypatch.setattr(life, "RECIPES", recipes)
    monkeypatch.setenv("SERVERS_DIR", str(tmp_path / "servers"))
    for name in recipes:
        monkeypatch.setenv(f"SERVERS_PORT_{name.upper()}", "free")
    yield tmp_path / "servers"
    for name in recipes:
        life.stop(name)


def test_a_server_is_started_once_and_found_by_whoever_looks(root):
    server = life.up("kafka")
    assert life.up("kafka") == server == life.running("kafka")
    assert server.ports == {"second": server.port + 1}
    assert len(server.password) > 16
    assert (root / "kafka/data/starts").read_text() == f"{server.port}\n"


def test_after_a_kill_it_comes_back_on_the_same_data_with_the_same_password(root):
    server = life.up("kafka")
    life.kill("kafka")
    assert life.running("kafka") is None
    assert life.start("kafka") == server
    assert (root / "kafka/data/starts").read_text() == f"{server.port}\n" * 2


def test_after_a_stop_too(root):
    server = life.up("kafka")
    life.stop("kafka")
    assert life.running("kafka") is None
    assert life.start("kafka") == server


def test_a_server_that_is_taken_down_leaves_nothing(root):
    life.up("kafka")
    life.down("kafka")
    life.down("kafka")
    assert life.running("kafka") is None
    assert not (root / "kafka").exists()


def test_a_start_that_fails_is_told_with_the_server_s_last_words(root):
    with pytest.raises(RuntimeError, match=r"cassandra ended[\s\S]*no such option"):
        life.up("cassandra")


def test_a_folder_of_something_else_is_neither_taken_nor_removed(root):
    (root / "kafka").mkdir(parents=True)
    (root / "kafka/thesis.txt").write_text("years of work")
    for change in (life.up, life.down):
        with pytest.raises(RuntimeError, match="SERVERS_DIR"):
            change("kafka")
    assert (root / "kafka/thesis.txt").exists()


def test_looking_at_servers_that_never_were_makes_nothing(root):
    assert life.running("kafka") is None
    life.kill("kafka")
    life.stop("kafka")
    assert not root.exists()


def test_a_name_that_is_not_known_is_told_with_those_that_are(root):
    with pytest.raises(RuntimeError, match=r"no server 'oracle' \(there are: kafka, cassandra\)"):
        life.up("oracle")


@pytest.mark.parametrize("name", life.RECIPES)
def test_each_server_has_a_recipe_and_ports_of_its_own(name):
    how = life.recipe(name)
    ports = {
        other: range(found.port, found.port + 1 + len(found.others))
        for other in life.RECIPES
        for found in [life.recipe(other)]
    }
    mine = set(ports.pop(name))
    assert how.user
    assert all(mine.isdisjoint(theirs) for theirs in ports.values())


def test_the_command_prints_how_to_reach_what_it_started(root, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["servers", "up", "kafka"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    server = life.running("kafka")
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"export FOREBAY_TEST_KAFKA='{server.uri}'\n"


def test_status_says_what_does_not_run_by_its_exit_code_and_keeps_the_password(
    root, monkeypatch, capsys
):
    server = life.up("kafka")
    monkeypatch.setattr(sys, "argv", ["servers", "status"])
    with pytest.raises(SystemExit) as ended:
        command.main()
    said = capsys.readouterr().out
    assert ended.value.code == 1
    assert said == f"kafka: running at {server.address}\ncassandra: not running\n"
