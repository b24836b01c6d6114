"""`forebay dlq` with the dead-letter topic of a real broker: from the state that ingested, and by files alone."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness.servers.datastore import objects

from forebay_workloads.streams import open_stream

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
FOREBAY = Path(sys.executable).with_name("forebay")


@pytest.fixture
def topic(prefix, topics):
    topics.make(f"{prefix}tx.dlq", 2)
    return topics.make(f"{prefix}tx", 3)


@pytest.fixture
def files(topics, topic, tmp_path):
    """Two files, as a user has them: the broker with its Secret, and the pipeline."""
    local = {"type": "embedded", "embedded": {"path": "stores/local.db"}}
    ingest = {
        "from": {"storeRef": {"name": "kafka"}, "topic": topic, "group": f"{topic}.g"},
        "to": {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"]},
        "delivery": {"deadLetter": {"topic": f"{topic}.dlq"}},
    }
    head = {"apiVersion": "forebay.dev/v1alpha1"}
    pipeline = [
        {**head, "kind": "DataStore", "metadata": {"name": "local"}, "spec": local},
        {
            **head,
            "kind": "NoSQLPipeline",
            "metadata": {"name": "payments"},
            "spec": {"ingest": ingest},
        },
    ]
    (tmp_path / "stores.yaml").write_text(yaml.safe_dump_all(objects(topics.server)))
    (tmp_path / "pipeline.yaml").write_text(yaml.safe_dump_all(pipeline))
    return ["-f", str(tmp_path / "stores.yaml"), "-f", str(tmp_path / "pipeline.yaml")]


def forebay(folder, *arguments):
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [FOREBAY, *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done


def test_letters_of_a_real_topic_are_listed_shown_and_replayed_once(
    files, topic, kafka, topics, tmp_path
):
    stream = open_stream(kafka)
    good = [json.dumps({"id": number}).encode() for number in range(50)]
    stream.produce(topic, [*good, b"rubbish", b'{"id": "one"}', None], [b"k"] * 53)
    here, laptop = tmp_path / "here", tmp_path / "laptop"
    forebay(here, "run", *files)

    def items(folder, *arguments):
        shown = forebay(folder, "dlq", "ls", "payments", "-o", "json", *arguments)
        assert topics.server.password not in shown.stdout + shown.stderr
        return {one["id"]: one for one in json.loads(shown.stdout)["items"]}

    found = items(here)
    assert found == items(laptop, *files)
    assert sorted(one["reason"] for one in found.values()) == ["SchemaMismatch", "Unreadable"]
    bad = next(name for name, one in found.items() if one["reason"] == "Unreadable")
    assert "record:\nrubbish" in forebay(laptop, "dlq", "show", "payments", bad, *files).stdout
    done = forebay(laptop, "dlq", "replay", "payments", bad, *files)
    assert done.stdout == f"{bad}  attempt 2\n"
    assert bad not in items(here), "its mark is in the topic itself"
    assert items(here, "--all")[bad]["replayedAt"]
    forebay(here, "run", *files, "--again")
    assert sorted(one["attempt"] for one in items(here).values()) == [1, 2]
    assert stream.lag(f"{topic}.g", topic) == 0
    stream.close()
    assert not (laptop / ".forebay").exists()
