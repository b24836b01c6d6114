import json
import urllib.error
import urllib.request

import pytest

from forebay.kube.port import K8S_DEPLOYMENT
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
