"""One pipeline over three servers, without a cluster: Kafka → Cassandra → training → MongoDB → served."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import yaml

from .kit import movies
from .kit.reach import server

FOREBAY = Path(sys.executable).with_name("forebay")
POISON = 3

pytestmark = pytest.mark.timeout(600)


def forebay(*arguments: str) -> subprocess.CompletedProcess:
    env = {**os.environ, "NO_COLOR": "1", "BENTOML_DO_NOT_TRACK": "True"}
    command = [str(FOREBAY), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=500, env=env, check=False
    )


@pytest.fixture
def ratings(tmp_path):
    """MovieLens-100k: the example's own gate is one of real ratings."""
    done = forebay("datasets", "fetch", "movielens-100k", "--to", str(tmp_path / "data"))
    assert done.returncode == 0, done.stderr
    return tmp_path / "data/ratings.csv"


@pytest.fixture
def state(tmp_path):
    yield tmp_path / "state"
    forebay("down", "--state", str(tmp_path / "state"))


@pytest.fixture
def placed(secrets):
    with movies.placed({name: server(name) for name in movies.SERVERS}, secrets) as made:
        yield made


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def said(state):
    """All logs, results and reports below the state folder."""
    kept = (".log", ".json", ".html", ".md")
    return b"".join(p.read_bytes() for p in state.rglob("*") if p.is_file() and p.suffix in kept)


def test_ratings_of_a_topic_become_rows_in_cassandra_and_lists_in_mongodb(
    placed, ratings, state, port, tmp_path
):
    count = placed.fill(ratings, POISON)
    file = tmp_path / "movies.yaml"
    file.write_text(yaml.safe_dump_all(placed.objects(port)))
    done = forebay("run", "-f", str(file), "--state", str(state), "-o", "json")
    assert done.returncode == 0, done.stderr + done.stdout
    assert placed.rows() == count == 100_000
    assert placed.lists() == 943 * 10
    letters = forebay("dlq", "ls", "movies", "--state", str(state), "-o", "json")
    assert len(json.loads(letters.stdout)["items"]) == POISON, letters.stderr
    asked = urllib.request.Request(
        f"http://127.0.0.1:{port}/recommend",
        json.dumps({"user": 42, "top": 5}).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=20) as answer:
        assert len(json.load(answer)["items"]) == 5
    everything = said(state)
    assert everything
    assert not any(password.encode() in everything for password in placed.passwords)
