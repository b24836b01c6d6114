"""Whatever happens to a stage's pod, the run says it: a machine-readable reason and the pod's own words, soon."""

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import first_run, runs, shown, stages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
SOON = 30  # seconds from a stage's Job to the status that tells its fate


def reason_of(api, namespace, stage, reason):
    """The stage's record once it has the reason, which must be soon after its pod (or only its Job) is there."""

    def begun():
        return api.list("jobs", namespace, f"forebay.dev/stage-name={stage}")

    def look():
        found = runs(api, namespace)
        record = stages(found[-1]).get(stage, {}) if found else {}
        return record if record.get("reason") == reason else None

    until(begun, 120, f"{stage} has begun", lambda: shown(api, namespace))
    return until(look, SOON, f"{stage} says {reason}", lambda: shown(api, namespace))


def test_F23_a_stage_that_needs_more_memory_than_its_limit_is_told_as_oom_killed(
    kubectl, api, project
):
    tight = {"resources": {"requests": {"memory": "48Mi"}, "limits": {"memory": "48Mi"}}}
    kubectl.apply([objects.train_only(podTemplate=tight)], project)
    record = reason_of(api, project, "train", "OOMKilled")
    assert record["state"] == "Failed"
    assert "memory" in record["message"]
    assert condition(first_run(api, project))["reason"] == "OOMKilled"


def test_F23_an_image_that_cannot_be_pulled_is_named(kubectl, api, project):
    pipeline = objects.train_only(image="localhost/forebay/none:1", entrypoint="shop.train:recipe")
    del pipeline["spec"]["train"]["algorithm"]
    kubectl.apply([pipeline], project)
    record = reason_of(api, project, "train", "ImagePullFailed")
    assert "localhost/forebay/none:1" in record["message"]
    assert "ImagePullFailed" in kubectl("get", "nsr", "-n", project)


def test_F23_user_code_that_fails_is_told_with_its_last_lines(kubectl, api, project, user_image):
    pipeline = objects.train_only(image=user_image, entrypoint="shop.broken:Broken")
    del pipeline["spec"]["train"]["algorithm"]
    kubectl.apply([pipeline], project)
    record = reason_of(api, project, "train", "ExitCode")
    assert "the shop is closed" in record["message"]
    assert record["state"] == "Failed"


def test_F23_a_gpu_that_no_node_has_is_told_in_the_schedulers_words(kubectl, api, project):
    kubectl.apply([objects.train_only(accelerator={"vendor": "nvidia", "count": 1})], project)
    record = reason_of(api, project, "train", "Unschedulable")
    assert "nvidia.com/gpu" in record["message"]
    assert record["state"] == "Pending"
    until(
        lambda: "Unschedulable" in kubectl("get", "events", "-n", project),
        20,
        "an event tells it too",
    )


def test_a_run_that_takes_longer_than_allowed_is_ended(kubectl, api, project):
    pipeline = objects.train_only(params=objects.LONG)
    pipeline["spec"]["runPolicy"] = {"activeDeadlineSeconds": 30}
    kubectl.apply([pipeline], project)
    until(
        lambda: condition(first_run(api, project)).get("reason") == "DeadlineExceeded",
        120,
        "the deadline is the reason",
        lambda: shown(api, project),
    )
    until(
        lambda: (
            not api.list("pods", project, "forebay.dev/stage-name=train")
            or api.list("pods", project, "forebay.dev/stage-name=train")[0]["status"]["phase"]
            != "Running"
        ),
        90,
        "its pod is stopped",
    )


def test_a_pod_that_the_namespace_refuses_is_told_though_the_job_says_nothing(
    kubectl, api, project
):
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "none"},
        "spec": {"hard": {"pods": "0"}},
    }
    kubectl.apply([quota], project)
    until(
        lambda: (kubectl.get("resourcequota", "none", project) or {}).get("status", {}).get("hard"),
        20,
        "the quota is in force",
    )
    kubectl.apply([objects.ingest_only()], project)
    record = reason_of(api, project, "ingest", "QuotaPending")
    assert "quota" in record["message"]
    kubectl("delete", "resourcequota", "none", "-n", project)
    until(
        lambda: stages(first_run(api, project)).get("ingest", {}).get("state") == "Succeeded",
        90,
        "it goes on when there is room",
        lambda: shown(api, project),
    )
