"""`forebay dlq` as a user calls it: from the pipeline that refused records to their replay."""

import json

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.streams import open_stream
from tests.functional.project import Project

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

YAML = """
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: local}
spec: {type: embedded, embedded: {path: stores/local.db}}
---
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: payments}
spec:
  ingest:
    from: {storeRef: {name: local}, topic: tx}
    to: {storeRef: {name: local}, table: tx, key: [id]}
    delivery: {deadLetter: {topic: tx.dlq}}
"""


def letters(project: Project, *arguments: str) -> list[dict]:
    shown = project.forebay("dlq", "ls", "payments", "-o", "json", *arguments)
    assert shown.returncode == 0, shown.stderr
    return json.loads(shown.stdout)["items"]


def test_refused_records_are_listed_shown_and_replayed_once(project):
    project.write(data=[], yaml=YAML)
    stream = open_stream(
        StoreRef("local", "embedded", {"path": str(project.state / "stores/local.db")})
    )
    good = [json.dumps({"id": number}).encode() for number in range(50)]
    stream.produce("tx", [*good, b"rubbish", b'{"id": "one"}'])
    assert project.run().returncode == 0
    found = letters(project)
    assert sorted(one["reason"] for one in found) == ["SchemaMismatch", "Unreadable"]
    text = project.forebay("dlq", "ls", "payments").stdout
    assert text.startswith("ID")
    assert "no JSON" in text
    bad = next(one["id"] for one in found if one["reason"] == "Unreadable")
    shown = project.forebay("dlq", "show", "payments", bad)
    assert "record:\nrubbish" in shown.stdout
    planned = project.forebay("dlq", "replay", "payments", "--since", "1h", "--dry-run")
    assert "2 would be replayed" in planned.stderr
    done = project.forebay("dlq", "replay", "payments", bad)
    assert (done.returncode, done.stdout) == (0, f"{bad}  attempt 2\n")
    assert len(letters(project)) == 1
    assert len(letters(project, "--all")) == 2
    assert project.run("--again").returncode == 0
    assert {one["attempt"] for one in letters(project)} == {1, 2}
    stream.close()
    missing = project.forebay("dlq", "show", "payments", "tx/9/9")
    assert (missing.returncode, "no dead letter" in missing.stderr) == (1, True)
    wrong = project.forebay("dlq", "ls", "payments", "--since", "soon")
    assert wrong.returncode == 2
