"""Stores that are files: their claim is made, kept and explained, and files come onto it as the documents say."""

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ROOT = Path(__file__).parents[2]
CLAIM = "forebay-data"


def store(name, kind="embedded", **block):
    return objects.of("DataStore", name, {"type": kind, kind: block})


def is_ready(api, namespace, name):
    return condition(api.get("datastores", name, namespace)).get("status") == "True"


def test_the_claim_is_made_without_an_owner_and_outlives_every_store_that_used_it(
    kubectl, api, operator, namespace
):
    kubectl.apply([store("local")], namespace)
    until(lambda: is_ready(api, namespace, "local"), 60, "the store is Ready")
    claim = api.get("persistentvolumeclaims", CLAIM, namespace)
    assert "ownerReferences" not in claim["metadata"]
    assert claim["status"]["phase"] == "Bound"
    kubectl("delete", "datastore", "local", "-n", namespace)
    until(lambda: not api.list("jobs", namespace), 30, "what belonged to the store is gone")
    kept = api.get("persistentvolumeclaims", CLAIM, namespace)
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"]
    assert "deletionTimestamp" not in kept["metadata"]


def test_a_claim_that_somebody_made_is_used_and_never_written_to(kubectl, api, operator, namespace):
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    theirs = {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "theirs"},
        "spec": spec,
    }
    kubectl.apply([theirs, store("local", claim={"name": "theirs", "size": "5Gi"})], namespace)
    until(lambda: is_ready(api, namespace, "local"), 60, "the store is Ready")
    claim = api.get("persistentvolumeclaims", "theirs", namespace)
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    managers = {entry["manager"] for entry in claim["metadata"]["managedFields"]}
    assert "forebay" not in managers
    names = [c["metadata"]["name"] for c in api.list("persistentvolumeclaims", namespace)]
    assert names == ["theirs"]


def test_a_claim_that_gets_no_volume_is_told_by_the_store_within_thirty_seconds(
    kubectl, api, operator, namespace
):
    block = {"claim": {"name": "nowhere", "storageClassName": "does-not-exist"}}
    kubectl.apply([store("local", **block)], namespace)

    def said():
        found = condition(api.get("datastores", "local", namespace))
        return found if found.get("reason") == "Unschedulable" else None

    message = until(said, 30, "the store says Unschedulable")["message"]
    assert "unbound immediate PersistentVolumeClaims" in message
    assert "claim nowhere" in message
    assert "StorageClass does-not-exist" in message


def test_a_claim_for_an_address_of_its_own_is_refused_with_the_field(kubectl, operator, namespace):
    wrong = store("files", "files", url="s3://bucket/x", claim={"name": "x"})
    text = json.dumps(wrong)
    done = kubectl.attempt("apply", "-n", namespace, "-f", "-", text=text)
    assert done.returncode != 0
    assert "spec.files.claim" in done.stderr
    assert "relative url only" in done.stderr


def test_files_that_are_put_onto_the_claim_are_what_a_files_store_reads(
    kubectl, api, operator, namespace, tmp_path
):
    file = tmp_path / "ratings.csv"
    file.write_text("user,item,rating\nu1,i1,5\nu2,i2,1\n")
    script = ROOT / "scripts/to-claim.sh"
    command = ["bash", str(script), "-n", namespace, "-i", operator.train_image, "data", str(file)]
    env = {**os.environ, "KUBECTL": kubectl.program, "KUBECONFIG": str(kubectl.kubeconfig)}
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, env=env, timeout=200
    )
    assert done.returncode == 0, done.stderr
    assert f"data/ratings.csv on claim {CLAIM}" in done.stdout
    kubectl.apply([*objects.stores(), objects.ingest_only()], namespace)
    until(lambda: is_ready(api, namespace, "files"), 60, "the store of files is Ready")
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "nsp/rows", "--timeout=120s")
    (run,) = api.list("pipelineruns", namespace)
    ingest = next(s for s in run["status"]["stages"] if s["name"] == "ingest")
    assert ingest["rows"] == 2
