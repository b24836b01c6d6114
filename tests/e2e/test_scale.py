"""Many pipelines at once: each soon has a status, the operator stays small, and then it does nothing.

Stages run on kwok's nodes, which do not exist; the API server, the scheduler and the controllers are real.
"""

import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from harness import kwok

from tests.e2e.kit.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(900)]
COUNT, AT_ONCE = 500, 32
SECONDS, MEBIBYTES, CALM = 8, 150, 60
PROBES = 300  # seconds between two of a store
ACCOUNT = "system:serviceaccount:forebay:forebay"
HEARTBEAT = "forebay-heartbeat"
WRITES = ("create", "update", "patch", "delete", "deletecollection")
PODS = {
    "nodeSelector": {kwok.LABEL: "true"},
    "tolerations": [dict(kwok.TOLERATION)],
    "annotations": {"fake.pod/duration": "1s", "fake.pod/message": "{}"},
}


@pytest.fixture(scope="module")
def fake_nodes():
    kwok.start()
    yield kwok.fake_nodes(10)
    kwok.stop()


def store():
    """Nobody has it; the fake pod of its probe says that all is well."""
    cassandra = {"contactPoints": ["cassandra"], "keyspace": "shop"}
    spec = {"type": "cassandra", "cassandra": cassandra, "podTemplate": PODS}
    return made("DataStore", "shop", spec)


def pipeline(number):
    ref = {"storeRef": {"name": "shop"}}
    ingest = {"from": {**ref, "table": "a"}, "to": {**ref, "table": "b", "key": ["id"]}}
    return made("NoSQLPipeline", f"p-{number:03d}", {"ingest": ingest, "podTemplate": PODS})


def made(kind, name, spec):
    meta = {"name": name}
    return {"apiVersion": "forebay.dev/v1alpha1", "kind": kind, "metadata": meta, "spec": spec}


def entries(audit_log, since):
    """What the API server wrote down after this place in its log."""
    with audit_log.open("rb") as log:
        log.seek(since)
        for line in log:
            if line.endswith(b"\n"):
                yield json.loads(line)


def writes(audit_log, since):
    """The operator's writes, without its heartbeat."""
    return [
        (entry["verb"], ref.get("resource"), ref.get("name"))
        for entry in entries(audit_log, since)
        if entry["user"]["username"] == ACCOUNT
        and entry["verb"] in WRITES
        and (ref := entry.get("objectRef") or {}).get("name") != HEARTBEAT
    ]


def first_status(audit_log, since, namespace):
    """When each pipeline was created and when its status was first written; read from the log, to burden nobody."""
    created, told = {}, {}
    for entry in entries(audit_log, since):
        ref = entry.get("objectRef") or {}
        ours = (ref.get("namespace"), ref.get("resource")) == (namespace, "nosqlpipelines")
        if not ours or entry["responseStatus"]["code"] >= 300:
            continue
        at = datetime.fromisoformat(entry["stageTimestamp"])
        if entry["verb"] == "create":
            created[ref["name"]] = at
        elif ref.get("subresource") == "status":
            told.setdefault(ref["name"], at)
    return created, told


def quiet(audit_log, seconds):
    """Whether the operator wrote nothing for so long."""
    since = audit_log.stat().st_size
    time.sleep(seconds)
    return not writes(audit_log, since)


def memory(operator):
    """MiB of the operator's processes."""
    (pod,) = operator.pods()
    container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
    kib = 0
    for group in Path("/proc").glob("[0-9]*/cgroup"):
        if container in group.read_text():
            status = (group.parent / "status").read_text().splitlines()
            kib += sum(int(line.split()[1]) for line in status if line.startswith("VmRSS:"))
    return kib / 1024


def since_probe(api, namespace):
    """Seconds since the store was probed: a probe is a write, and rightly so."""
    last = api.get("datastores", "shop", namespace)["status"]["lastProbeTime"]
    return (datetime.now(UTC) - datetime.fromisoformat(last)).total_seconds()


def over(api, namespace):
    done = ("Succeeded", "Failed")
    runs = api.list("pipelineruns", namespace)
    return sum((run.get("status") or {}).get("phase") in done for run in runs)


def test_F17_many_pipelines_at_once(kubectl, api, operator, namespace, audit_log, fake_nodes):
    kubectl.apply([store()], namespace)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=60s", "dst/shop")
    since = audit_log.stat().st_size
    path = f"apis/forebay.dev/v1alpha1/namespaces/{namespace}/nosqlpipelines"
    with ThreadPoolExecutor(AT_ONCE) as threads:
        answers = threads.map(lambda n: api.call("POST", path, pipeline(n))[0], range(COUNT))
    assert set(answers) == {201}
    until(lambda: len(first_status(audit_log, since, namespace)[1]) == COUNT, 60, "all have one")
    created, told = first_status(audit_log, since, namespace)
    waits = sorted((told[name] - created[name]).total_seconds() for name in told)
    assert waits[-1] <= SECONDS, f"median {waits[COUNT // 2]}"
    until(lambda: over(api, namespace) == COUNT, 600, "every run is over")
    until(lambda: since_probe(api, namespace) < PROBES - 2 * CALM, CALM * 3, "no probe is near")
    until(lambda: quiet(audit_log, 5), 60, "the operator settles")
    assert memory(operator) <= MEBIBYTES
    since = audit_log.stat().st_size
    time.sleep(CALM)
    assert writes(audit_log, since) == []
    operator.kill()
    operator.ready()
    time.sleep(CALM / 4)
    assert writes(audit_log, since) == [], "a restart finds nothing to write"
    assert memory(operator) <= MEBIBYTES
