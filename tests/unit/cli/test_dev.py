"""`forebay dev` without a server: where the harness is looked for, and what is said when it is not there."""

import json

import pytest
import yaml

from forebay.cli import checkout
from forebay.cli.failure import UserError
from tests.unit.cli import state as s

HARNESS = """
import json, os, sys, time
command, *names = sys.argv[1:]
if names == ["broken"]:
    sys.exit("servers: no server 'broken'")
if command == "describe":
    for name in names or ["kafka", "cassandra"]:
        told = {"name": name, "product": "A server", "running": name == "kafka", "log": os.path.abspath("it.log")}
        if name == "kafka":
            secret = {"kind": "Secret", "stringData": {"password": "s3cret"}}
            store = {"kind": "DataStore", "spec": {"type": "kafka"}}
            told |= {"address": "127.0.0.1:1", "user": "me", "objects": [secret, store]}
        print(json.dumps(told))
else:
    open("did", "a").write(f"{command} {names[0]}\\n")
    print("export PASSWORD=s3cret")
"""


@pytest.fixture
def folder(tmp_path):
    """A checkout whose harness only says what it was asked."""
    file = tmp_path / checkout.HARNESS
    file.parent.mkdir(parents=True)
    file.write_text(HARNESS)
    return tmp_path


def did(folder):
    file = folder / "did"
    return file.read_text().splitlines() if file.exists() else []


def test_the_checkout_is_the_one_given_or_the_one_around_the_working_folder(folder, tmp_path):
    inner = folder / "examples" / "deep"
    inner.mkdir(parents=True)
    assert checkout.find(None, inner) == folder
    assert checkout.find(folder) == folder


def test_where_there_is_no_checkout_it_is_said_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr(checkout, "__file__", str(tmp_path / "a/b/c/d/e.py"))
    with pytest.raises(UserError, match="there is no checkout of Forebay here") as caught:
        checkout.find(None, tmp_path)
    assert "--checkout DIR" in caught.value.hint
    result = s.invoke("dev", "status", "--checkout", tmp_path)
    assert result.exit_code == 1
    assert f"{tmp_path} is no checkout of Forebay" in result.stderr


def test_up_prints_what_is_to_be_pasted_and_nothing_else_on_stdout(folder):
    result = s.invoke("dev", "up", "kafka", "--checkout", folder)
    assert result.exit_code == 0, result.stderr
    assert list(yaml.safe_load_all(result.stdout)) == [
        {"kind": "Secret", "stringData": {"password": "s3cret"}},
        {"kind": "DataStore", "spec": {"type": "kafka"}},
    ]
    assert "s3cret" not in result.stderr
    assert did(folder) == ["up kafka"]


def test_down_ends_those_that_there_are_and_keeps_data_when_asked(folder):
    assert s.invoke("dev", "down", "--checkout", folder).exit_code == 0
    assert s.invoke("dev", "down", "--keep-data", "--checkout", folder).exit_code == 0
    assert did(folder) == ["down kafka", "stop kafka"]


def test_status_holds_no_password(folder):
    shown = s.invoke("dev", "status", "--checkout", folder).stdout
    assert [line.split()[:3] for line in shown.splitlines()[1:]] == [
        ["kafka", "running", "127.0.0.1:1"],
        ["cassandra", "-", "-"],
    ]
    told = s.invoke("dev", "status", "kafka", "-o", "json", "--checkout", folder).stdout
    assert [one["name"] for one in json.loads(told)["items"]] == ["kafka"]
    assert "s3cret" not in shown + told


def test_logs_shows_the_last_lines_and_obeys_no_control_character(folder):
    result = s.invoke("dev", "logs", "kafka", "--checkout", folder)
    assert (result.exit_code, "`forebay dev up kafka`" in result.stderr) == (1, True)
    (folder / "it.log").write_text("one\ntwo\nthr\x1b[2Jee\n")
    shown = s.invoke("dev", "logs", "kafka", "--tail", "2", "--checkout", folder).stdout
    assert shown.startswith("two\nthr")
    assert "\x1b" not in shown


def test_what_the_harness_refuses_is_one_line(folder):
    result = s.invoke("dev", "up", "broken", "--checkout", folder)
    assert result.exit_code == 1
    assert result.stderr == "Error: dev: no server 'broken'\n"
