"""Training in several pods on a real cluster: names, rendezvous, the same quality; one lost; JobSet and Kueue.

Of JobSet and Kueue only the definitions are installed: what we make is judged by their schemas, and what their
controllers would do to it is done by hand here.
"""

import json
import time

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, stays, until
from tests.e2e.kit.watching import finished, jobs, phase, runs, shown, stages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]
JOBSET = "sigs.k8s.io/jobset@v0.11.1", "config/components/crd/bases/jobset.x-k8s.io_jobsets.yaml"
KUEUE = (
    "sigs.k8s.io/kueue@v0.15.2",
    "config/components/crd/bases/kueue.x-k8s.io_localqueues.yaml",
)
NOTICED = 35  # seconds: the operator asks every 30 what is installed
TRAIN = "forebay.dev/stage-name=train"
INDEX = "batch.kubernetes.io/job-completion-index"
JOBS = pytest.mark.xdist_group("jobset")  # where JobSet is installed, nobody makes pods of it
LONG = {**objects.LONG, "epochs": "200", "patience": "200"}


def pipeline(name="taste", **more):
    """Train and evaluate; fields of `more` go into train."""
    made = objects.train_only(name, podTemplate=objects.SMALL, **more)
    made["spec"]["evaluate"] = {}
    made["spec"]["train"]["checkpoint"] = {"interval": "1s"}
    return made


def pods(api, namespace):
    """The training pods by index, the newest of each."""
    found = api.list("pods", namespace, TRAIN)
    return {int(p["metadata"]["annotations"][INDEX]): p for p in found}


def running(api, namespace, count=2):
    def look():
        found = pods(api, namespace)
        alive = [p for p in found.values() if p["status"].get("phase") == "Running"]
        return found if len(alive) == count else None

    return until(look, 150, f"{count} pods run", lambda: shown(api, namespace))


@JOBS
def test_two_pods_train_a_model_as_good_as_one(kubectl, api, project):
    kubectl.apply([pipeline("one"), pipeline("two", nodes=2)], project)
    one, two = (finished(api, project, name, 360) for name in ("one", "two"))
    assert (phase(one), phase(two)) == ("Succeeded", "Succeeded"), shown(api, project)
    single, pair = (float(run["status"]["metrics"]["rmse"]) for run in (one, two))
    assert pair == pytest.approx(single, abs=0.005)
    assert stages(two)["train"]["attempts"] == 1
    (job,) = [j for j in jobs(api, project, "train") if j["metadata"]["name"].startswith("two")]
    assert (job["spec"]["completionMode"], job["status"]["succeeded"]) == ("Indexed", 2)
    (service,) = api.list("services", project, TRAIN)
    assert service["spec"]["clusterIP"] == "None"
    assert condition(two, "Warning")["status"] == "False"


@JOBS
def test_F22_a_pod_that_is_lost_is_met_again_and_the_training_goes_on(kubectl, api, project):
    made = pipeline(nodes=2, params=LONG)
    # The lost one counts against this, the one that misses it does not.
    made["spec"]["runPolicy"] = {"backoffLimit": 1}
    kubectl.apply([made], project)
    before = running(api, project)
    until(
        lambda: ((runs(api, project)[-1]["status"].get("progress") or {}).get("epoch") or 0) > 3,
        120,
        "some epochs are done",
        lambda: shown(api, project),
    )
    api.delete("pods", before[1]["metadata"]["name"], project, gracePeriodSeconds=0)
    run = finished(api, project, seconds=300)
    assert phase(run) == "Succeeded", shown(api, project)
    assert stages(run)["train"]["attempts"] == 2
    after = pods(api, project)
    for index in (0, 1):
        assert after[index]["metadata"]["uid"] != before[index]["metadata"]["uid"]
    first = after[0]["metadata"]["name"]
    assert "resume" in kubectl("logs", first, "-n", project)


@JOBS
def test_with_jobset_installed_a_jobset_is_made_that_its_schema_takes(
    kubectl, api, project, installed
):
    installed(*JOBSET)
    time.sleep(NOTICED)
    made = pipeline(nodes=2)
    made["spec"]["runPolicy"] = {"backoffLimit": 1, "activeDeadlineSeconds": 90}
    kubectl.apply([made], project)
    (found,) = until(
        lambda: kubectl.list("jobsets.jobset.x-k8s.io", project),
        120,
        "there is a JobSet",
        lambda: shown(api, project),
    )
    assert jobs(api, project, "train") == []
    clean = {k: found[k] for k in ("apiVersion", "kind", "spec")}
    clean["metadata"] = {"name": "again"}
    kubectl(
        "create", "--dry-run=server", "--validate=strict", "-n", project, "-f", "-",
        text=json.dumps(clean),
    )  # fmt: skip
    template = found["spec"]["replicatedJobs"][0]["template"]
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "again"}, **template}
    job["metadata"] = {"name": "again", **template["metadata"]}
    kubectl(
        "create", "--dry-run=server", "--validate=strict", "-n", project, "-f", "-",
        text=json.dumps(job),
    )  # fmt: skip
    until(
        lambda: condition(runs(api, project)[-1], "Ready").get("reason") == "DeadlineExceeded",
        150,
        "nobody runs it, so its time is up",
        lambda: shown(api, project),
    )
    until(lambda: not kubectl.list("jobsets.jobset.x-k8s.io", project), 20, "it is taken away")


def let_go(api, namespace, job, suspend):
    api.patch("jobs", job["metadata"]["name"], namespace, {"spec": {"suspend": suspend}})


@pytest.mark.xdist_group("kueue")
def test_without_kueue_a_queue_is_a_warning_and_the_job_starts(kubectl, api, project):
    made = objects.ingest_only()
    made["spec"]["queue"] = {"name": "ml"}
    kubectl.apply([made], project)
    run = finished(api, project)
    assert phase(run) == "Succeeded"
    found = condition(run, "Warning")
    assert (found["status"], found["reason"]) == ("True", "OptionalCRDMissing")
    assert "Kueue" in found["message"]


@pytest.mark.xdist_group("kueue")
def test_F28_a_job_waits_for_its_queue_and_is_never_let_go_by_the_operator(
    kubectl, api, project, installed
):
    installed(*KUEUE)
    time.sleep(NOTICED)
    made = pipeline(params=LONG)
    made["spec"]["queue"] = {"name": "ml"}
    made["spec"].pop("evaluate")
    kubectl.apply([made], project)

    def record(name):
        found = runs(api, project)
        return stages(found[-1]).get(name, {}) if found else {}

    for name in ("ingest", "preprocess", "train"):
        until(lambda n=name: record(n).get("reason") == "Queued", 90, f"{name} is queued",
              lambda: shown(api, project))  # fmt: skip
        (job,) = jobs(api, project, name)
        assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "ml"
        stays(lambda n=name: jobs(api, project, n)[0]["spec"]["suspend"], 3, "it waits")
        let_go(api, project, job, False)  # as Kueue does when there is quota
    until(lambda: record("train").get("state") == "Running", 90, "it trains",
          lambda: shown(api, project))  # fmt: skip

    (job,) = jobs(api, project, "train")
    let_go(api, project, job, True)  # as Kueue does when the quota is needed elsewhere
    until(lambda: record("train").get("reason") == "Queued", 90, "it is queued again",
          lambda: shown(api, project))  # fmt: skip
    stays(lambda: jobs(api, project, "train")[0]["spec"]["suspend"], 5, "nobody lets it go")
    let_go(api, project, job, False)
    until(
        lambda: record("train").get("state") == "Succeeded", 240, "it ends well",
        lambda: [let_go(api, project, j, False) for j in jobs(api, project, "report")],
    )  # fmt: skip
