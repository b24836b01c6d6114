import json
import sqlite3
import urllib.error
import urllib.request
from contextlib import closing

import pytest

from forebay.kube.port import K8S_DEPLOYMENT
from forebay_workloads.contract import StoreRef
from forebay_workloads.stores import open_store
from tests.functional.project import rows, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


def post(url, body):
    request = urllib.request.Request(
        url, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_any_csv_with_its_own_columns_and_string_ids_goes_from_file_to_served_model(project):
    project.write(deploy=True)
    done = project.run("-o", "json")
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    (run,) = shown["runs"]
    assert run["phase"] == "Succeeded"
    assert run["modelVersion"] == "wines-v1"
    assert float(run["metrics"]["rmse"]) < 8
    states = {stage["name"]: stage["state"] for stage in run["stages"]}
    assert states["ingest"] == states["predict"] == states["deploy"] == "Succeeded"

    (deployment,) = shown["deployments"]
    assert deployment["version"] == "wines-v1"
    answer = post(f"{deployment['url']}/recommend", {"user": "taster-1", "top": 3})
    tasted = {bottle for taster, bottle, _ in rows() if taster == "taster-1"}
    assert len(answer["items"]) == 3
    assert not tasted & {item["item"] for item in answer["items"]} or len(tasted) == 40

    with pytest.raises(urllib.error.HTTPError) as caught:
        post(f"{deployment['url']}/predict", {"inputs": [{"user": "taster-1"}]})
    assert caught.value.code == 422
    assert json.load(caught.value)["field"] == "inputs[0].item"


def test_an_unchanged_spec_is_not_run_again_and_again_asks_for_one_more(project):
    project.write(epochs="2")
    assert project.run().returncode == 0
    again = project.run()
    assert again.returncode == 0
    assert len(project.objects("pipelineruns")) == 1
    assert project.run("--again").returncode == 0
    assert {run["status"]["phase"] for run in project.objects("pipelineruns")} == {"Succeeded"}
    assert len(project.objects("pipelineruns")) == 2


def test_a_new_version_takes_over_and_the_old_one_goes(project):
    project.write(epochs="2", deploy=True)
    assert project.run().returncode == 0
    project.write(epochs="3", deploy=True)
    done = project.run("-o", "json")
    assert done.returncode == 0, done.stderr
    (deployment,) = json.loads(done.stdout)["deployments"]
    assert deployment["version"] == "wines-v2"
    answer = post(f"{deployment['url']}/predict", {"inputs": [{"user": "taster-1", "item": "x"}]})
    assert answer["model_version"] == "wines-v2"
    wait_until(lambda: len(project.peek(K8S_DEPLOYMENT)) == 1)


def test_no_follow_returns_at_once_and_the_run_goes_on_without_it(project):
    project.write(epochs="2")
    assert project.run("--no-follow").returncode == 0
    (run,) = wait_until(
        lambda: [r for r in project.objects("pipelineruns") if r["status"]["phase"] == "Succeeded"],
        every=0.5,
    )
    assert run["status"]["modelVersion"] == "wines-v1"


EPHEMERAL = """
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: files}
spec: {type: files, files: {url: .}}
---
apiVersion: forebay.dev/v1alpha1
kind: DataStore
metadata: {name: local}
spec: {type: embedded, embedded: {}}
---
apiVersion: forebay.dev/v1alpha1
kind: NoSQLPipeline
metadata: {name: wines}
spec:
  ingest:
    from: {storeRef: {name: files}, table: tastings.csv}
    to: {storeRef: {name: STORE}, table: tastings, key: [taster, bottle], ttl: 2s}
"""


def has_table(path, name):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (name,)).fetchone()


def test_rows_with_a_ttl_are_gone_after_it_and_a_store_that_cannot_do_that_says_so(project):
    project.write(yaml=EPHEMERAL.replace("STORE", "local"))
    done = project.run("-o", "json")
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["runs"]
    assert run["stages"][0]["rows"] == len(rows())
    (path,) = (path for path in project.state.rglob("*.db") if has_table(path, "tastings"))
    with open_store(StoreRef("local", "embedded", {"path": str(path)})) as store:
        wait_until(lambda: store.snapshot("tastings").rows == 0, 30)
        assert store.get("tastings", [{"taster": "taster-0", "bottle": "bottle é0"}]) == [None]

    project.write(yaml=EPHEMERAL.replace("STORE", "files"))
    done = project.run("-o", "json")
    assert done.returncode != 0
    assert "ingest.to.ttl: DataStore files cannot forget rows by age" in done.stdout + done.stderr
