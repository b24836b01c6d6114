"""`forebay run` with ingest.mode stream: it goes on in the background, survives kills and pauses when asked."""

import json
import os
import signal
import urllib.request

import pytest

from forebay.kube.port import PIPELINE, POD
from forebay.local.worker import PORT_ANNOTATION
from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from forebay_workloads.streams import open_stream
from tests.functional.project import wait_until

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
  suspend: SUSPEND
  ingest:
    mode: stream
    from: {storeRef: {name: local}, topic: tx}
    to: {storeRef: {name: local}, table: tx, key: [id]}
    delivery: {guarantee: EffectivelyOnce, deadLetter: {topic: tx.dlq}}
"""


class Bus:
    """The project's embedded store, as producer and reader."""

    def __init__(self, project):
        self.ref = StoreRef("local", "embedded", {"path": str(project.state / "stores/local.db")})

    def produce(self, *values):
        stream = open_stream(self.ref)
        raw = [v if isinstance(v, bytes) else json.dumps(v).encode() for v in values]
        stream.produce("tx", raw)
        stream.close()

    def rows(self):
        with open_store(self.ref) as store:
            return store.snapshot("tx").rows


def asked(project, path):
    """What the pod answers."""
    (pod,) = project.peek(POD)
    port = pod["metadata"]["annotations"][f"{PORT_ANNOTATION}metrics"]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
        return answer.read().decode()


def ingesting(project):
    (pipeline,) = project.peek(PIPELINE)
    found = [c for c in pipeline["status"]["conditions"] if c["type"] == "Ingesting"]
    return found[0], pipeline["status"].get("ingest") or {}


def test_F31_a_stream_runs_in_the_background_survives_a_kill_and_pauses(project):
    project.write(data=[], yaml=YAML.replace("SUSPEND", "false"))
    bus = Bus(project)
    bus.produce(*({"id": number} for number in range(300)), b"rubbish")
    shown = project.run()
    assert shown.returncode == 0, shown.stderr
    assert "pipeline payments ingests tx into tx in the background" in shown.stdout
    wait_until(lambda: ingesting(project)[1].get("lag") == 0 and bus.rows() == 300)
    wait_until(lambda: ingesting(project)[0]["reason"] == "DeadLettering")
    assert ingesting(project)[1]["deadLettered"] == 1
    assert '"Unreadable"' in project.forebay("dlq", "ls", "payments", "-o", "json").stdout

    assert (asked(project, "/livez"), asked(project, "/readyz")) == ("ok\n", "ok\n")
    assert "\nforebay_ingest_rows_total 300\n" in asked(project, "/metrics")
    assert "\nforebay_ingest_dead_letters_total 1\n" in asked(project, "/metrics")

    assert "ingest topic tx" in project.forebay("logs", "payments").stdout

    (before,) = project.stage_pids()
    os.kill(before, signal.SIGKILL)
    bus.produce(*({"id": number} for number in range(250, 600)))
    wait_until(lambda: bus.rows() == 600)
    (after,) = project.stage_pids()
    assert after != before

    project.write(data=[], yaml=YAML.replace("SUSPEND", "true"))
    assert project.run().returncode == 0
    wait_until(lambda: project.stage_pids() == [])
    bus.produce({"id": 1000})
    wait_until(lambda: ingesting(project)[0]["reason"] == "Suspended")
    assert bus.rows() == 600
    project.write(data=[], yaml=YAML.replace("SUSPEND", "false"))
    assert project.run().returncode == 0
    wait_until(lambda: bus.rows() == 601)
    project.down()
    assert project.stage_pids() == []


def test_a_stream_that_cannot_work_fails_the_command_and_says_why(project):
    yaml = YAML.replace("SUSPEND", "false").replace("topic: tx.dlq", "topic: tx")
    project.write(data=[], yaml=yaml)
    shown = project.run()
    assert shown.returncode == 1
    assert "NameConflict" in shown.stdout
