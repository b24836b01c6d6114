"""A whole pipeline in real pods, and what may happen around one that is going well."""

import json
import time

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, stays, until
from tests.e2e.kit.watching import finished, first_run, jobs, phase, runs, stages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
SUSPENDED = {"spec": {"suspend": True}}


def test_ratings_become_a_served_model_whose_prediction_the_service_answers(kubectl, api, project):
    kubectl.apply([objects.full(), objects.served()], project)
    run = finished(api, project)
    assert phase(run) == "Succeeded", stages(run)
    assert {s["state"] for s in stages(run).values()} == {"Succeeded"}
    kubectl(
        "wait", "-n", project, "--for=condition=Ready", "--timeout=90s", "md/taste", "nsp/taste"
    )
    version = api.get("modelversions", run["status"]["modelVersion"], project)
    deployment = api.get("modeldeployments", "taste", project)
    assert deployment["status"]["stable"]["digest"] == version["spec"]["digest"]
    path = f"api/v1/namespaces/{project}/services/taste:http/proxy/predict"
    rows = {"inputs": [{"user": "u1", "item": "i1"}, {"user": "u1", "item": "i2"}]}
    code, answer = api.call("POST", path, rows)
    assert code == 200, answer
    said = json.dumps(answer)
    assert version["metadata"]["name"] in said
    table = kubectl("get", "forebay", "-n", project)
    assert "taste-v1" in table
    assert "True" in table


def test_progress_of_a_stage_reaches_the_status_without_write_access_of_its_pod(
    kubectl, api, project
):
    kubectl.apply([objects.train_only(params=objects.LONG)], project)

    def epoch():
        run = first_run(api, project)
        return (run.get("status") or {}).get("progress", {}).get("epoch")

    until(epoch, 120, "an epoch is shown")
    pod = next(p for p in api.list("pods", project, "forebay.dev/stage-name=train"))
    assert pod["spec"]["automountServiceAccountToken"] is False
    kubectl("delete", "nsp", "taste", "-n", project, "--wait=false")


def test_a_job_that_is_deleted_after_its_success_is_not_run_again(kubectl, api, project):
    kubectl.apply([objects.ingest_only()], project)
    run = finished(api, project)
    assert phase(run) == "Succeeded"
    for job in jobs(api, project, "ingest"):
        api.delete("jobs", job["metadata"]["name"], project)
    until(lambda: not jobs(api, project, "ingest"), 20, "the Job is gone")
    stays(lambda: not jobs(api, project, "ingest"), 8, "no second ingest Job")
    assert api.get("pipelineruns", run["metadata"]["name"], project)["status"] == run["status"]


def test_F64_a_secret_that_comes_late_starts_what_waited_for_it(kubectl, api, namespace):
    store = objects.of(
        "DataStore",
        "shop",
        {
            "type": "cassandra",
            "cassandra": {
                "contactPoints": ["127.0.0.1:9"],
                "keyspace": "k",
                "localDatacenter": "d",
            },
            "auth": {"secretRef": {"name": "late"}},
        },
    )
    kubectl.apply([store], namespace)

    def reason():
        return condition(api.get("datastores", "shop", namespace)).get("reason")

    until(lambda: reason() == "SecretMissing", 20, "the missing Secret is the reason", reason)
    assert "late" in condition(api.get("datastores", "shop", namespace))["message"]
    time.sleep(50)
    kubectl(
        "create", "secret", "generic", "late", "-n", namespace,
        "--from-literal=username=u", "--from-literal=password=p",
    )  # fmt: skip
    until(lambda: reason() != "SecretMissing", 10, "the Secret is found", reason)


def test_a_suspended_pipeline_starts_nothing_until_it_is_resumed(kubectl, api, project):
    pipeline = objects.ingest_only(suspend=True)
    kubectl.apply([pipeline], project)
    until(
        lambda: condition(api.get("nosqlpipelines", "rows", project)).get("reason") == "Suspended",
        20,
        "it says that it is suspended",
    )
    stays(lambda: not jobs(api, project, "ingest"), 5, "no Job while suspended")
    kubectl.patch("nsp", "rows", project, {"spec": {"suspend": False}})
    assert phase(finished(api, project)) == "Succeeded"


def test_a_schedule_fires_by_the_minute(kubectl, api, project):
    kubectl.apply([objects.ingest_only(schedule="* * * * *")], project)
    until(lambda: runs(api, project), 75, "the minute's run")
    run = finished(api, project)
    assert run["spec"]["trigger"]["type"] == "schedule"
    kubectl.patch("nsp", "rows", project, SUSPENDED)


def test_finished_runs_go_by_their_ttl_and_their_number(kubectl, api, project):
    kubectl.apply([objects.ingest_only(successfulRunsHistoryLimit=1)], project)
    assert phase(finished(api, project)) == "Succeeded"
    first = runs(api, project)[0]["metadata"]["uid"]
    kubectl("annotate", "nsp", "rows", "-n", project, "forebay.dev/run=again")
    until(lambda: len(runs(api, project)) > 1, 20, "a second run")
    assert phase(finished(api, project)) == "Succeeded"

    def only_the_newest():
        kept = [r["metadata"]["uid"] for r in runs(api, project)]
        return len(kept) == 1 and kept != [first]

    until(only_the_newest, 20, "one run is kept, not the first")
    kubectl.apply([objects.ingest_only("short", runPolicy={"ttlSecondsAfterFinished": 2})], project)
    assert phase(finished(api, project, "short")) == "Succeeded"
    until(lambda: not runs(api, project, "short"), 20, "the run's time to live is over")
    stays(lambda: not runs(api, project, "short"), 5, "no run follows one that went")


def test_S27_the_same_names_in_two_namespaces_do_not_meet(kubectl, api, project, supplied):
    other = f"{project}-b"
    kubectl("create", "namespace", other)
    kubectl("label", "namespace", other, "pod-security.kubernetes.io/enforce=restricted")
    try:
        supplied(other, "user,item,rating\nu1,i1,4\nu2,i2,3\n")
        for space in (project, other):
            kubectl.apply([objects.ingest_only()], space)
        ended = {space: finished(api, space) for space in (project, other)}
        assert {phase(run) for run in ended.values()} == {"Succeeded"}
        rows = {space: stages(run)["ingest"]["rows"] for space, run in ended.items()}
        assert rows == {project: 60 * 15, other: 2}
    finally:
        kubectl("delete", "namespace", other, "--wait=false")
