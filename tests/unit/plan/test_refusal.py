"""Why a Job has no pod, and a pod no container: what their events say becomes the stage's reason."""

from datetime import UTC, datetime, timedelta

import pytest

from forebay.plan import jobstate, refusal
from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA

BEGAN = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
QUOTA = 'pods "train-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1'
LIMIT = 'pods "x" is forbidden: failed quota: q: must specify limits.cpu for: stage'
SECURITY = 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true'
RANGE = 'pods "x" is forbidden: minimum memory usage per Container is 1Gi, but request is 256Mi'
ACCOUNT = (
    'pods "x" is forbidden: error looking up service account a/b: serviceaccount "b" not found'
)
PRIORITY = 'pods "x" is forbidden: no PriorityClass with name gold was found'
INVALID = 'Pod "x" is invalid: spec.nodeSelector: Invalid value: "a b"'


def at(seconds):
    return (BEGAN + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(limit=2, conditions=(), **status):
    meta = {"name": "j", "uid": "u-job", "creationTimestamp": at(0)}
    over = [{"type": kind, "status": "True"} for kind in conditions]
    return {
        "metadata": meta,
        "spec": {"backoffLimit": limit},
        "status": {**status, "conditions": over},
    }


def pod(phase="Pending", code=None, name="p", node="n1", waiting=None, seconds=0, **status):
    state = {"waiting": {"reason": waiting}} if waiting else None
    if code is not None:
        state = {"terminated": {"exitCode": code, **status.pop("over", {})}}
    entries = {"containerStatuses": [{"name": "stage", "state": state}]} if state else {}
    return {
        "metadata": {"name": name, "uid": f"u-{name}", "creationTimestamp": at(seconds)},
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": phase, **entries, **status},
    }


def notice(reason, message, seconds=5, **more):
    return {"reason": reason, "message": message, "lastTimestamp": at(seconds), **more}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (QUOTA, "QuotaPending"),
        (LIMIT, "QuotaPending"),
        (SECURITY, "Forbidden"),
        (RANGE, "Forbidden"),
        (ACCOUNT, "ReferenceMissing"),
        (INVALID, "InvalidSpec"),
        (PRIORITY, "ReferenceMissing"),
    ],
)
def test_a_job_without_a_pod_says_why_it_was_refused(said, reason):
    told = {"u-job": [notice("FailedCreate", f"Error creating: {said}")]}
    state = jobstate.read(job(), [], {}, told)
    assert (state.phase, state.reason) == ("Pending", reason)
    assert state.message == "the pod " + said.split('" ', 1)[1]


def test_each_try_has_a_pod_of_another_name_and_the_message_stays():
    told = [refusal.because(QUOTA.replace("train-x", f"train-{n}")) for n in "ab"]
    assert told[0] == told[1]


def test_the_newest_refusal_counts():
    told = [notice("FailedCreate", QUOTA, 5), notice("FailedCreate", SECURITY, 9)]
    assert jobstate.read(job(), [], {}, {"u-job": told}).reason == "Forbidden"


def test_other_events_of_a_job_are_no_refusal():
    told = {"u-job": [notice("SuccessfulCreate", "Created pod: x")]}
    assert jobstate.read(job(), [], {}, told).reason == "Pending"


def test_a_refusal_before_the_newest_pod_is_over():
    died = pod("Failed", 1, seconds=10)
    told = {"u-job": [notice("FailedCreate", QUOTA, 5)]}
    assert jobstate.read(job(), [died], {}, told).reason == "ExitCode"
    told = {"u-job": [notice("FailedCreate", QUOTA, 15)]}
    assert jobstate.read(job(), [died], {}, told).reason == "QuotaPending"


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (notice("FailedMount", 'MountVolume.SetUp failed: secret "k" not found'), "SecretMissing"),
        (notice("FailedMount", 'MountVolume.SetUp failed: configmap "k" not found'), "ReferenceMissing"),
        (notice("FailedAttachVolume", "Multi-Attach error for volume"), "Pending"),
        (notice("FailedCreatePodSandBox", "cni plugin not initialized"), "Pending"),
    ],
)  # fmt: skip
def test_a_pod_whose_volume_or_network_is_not_there_says_which(told, reason):
    state = jobstate.read(
        job(), [pod(waiting="ContainerCreating")], {}, {"u-p": [notice("Scheduled", "to n1"), told]}
    )
    assert (state.phase, state.reason, state.message) == ("Pending", reason, told["message"])


@pytest.mark.parametrize(
    ("found", "pods", "seconds", "asked"),
    [
        (job(), [], 1, None),
        (job(), [], 3, "u-job"),
        (job(active=1), [], 3, None),  # its pod is there and not heard of yet
        (job(conditions=["Complete"]), [], 3, None),
        (job(conditions=["Suspended"]), [], 3, None),
        (job(), [pod("Failed", 1)], 3, "u-job"),
        (job(), [pod("Running")], 60, None),
        (job(), [pod(waiting="ContainerCreating")], 5, None),
        (job(), [pod(waiting="ContainerCreating")], 12, "u-p"),
        (job(), [pod()], 12, "u-p"),
        (job(), [pod(node=None)], 12, None),  # the scheduler's condition says it
        (job(), [pod(waiting="ImagePullBackOff")], 12, None),
    ],
)
def test_events_are_read_only_of_what_does_not_say_itself_why_it_is_stuck(
    found, pods, seconds, asked
):
    stuck = refusal.in_question(found, pods, BEGAN + timedelta(seconds=seconds))
    assert (stuck["metadata"]["uid"] if stuck else None) == asked


@pytest.mark.parametrize(
    ("found", "pods", "seconds", "again"),
    [
        (job(), [], 0, 3),
        (job(), [], 8, 8),
        (job(), [pod(waiting="ContainerCreating")], 4, 6),
        (job(), [pod(waiting="ContainerCreating")], 40, 5),
        (job(), [pod("Running")], 4, None),
        (job(conditions=["Failed"]), [], 4, None),
    ],
)
def test_what_no_watch_tells_of_is_looked_at_again_later_and_later(found, pods, seconds, again):
    assert refusal.look_again(found, pods, BEGAN + timedelta(seconds=seconds)) == again


@pytest.mark.parametrize("code", [EXIT_DATA, EXIT_CONFIG])
def test_a_failure_that_no_retry_cures_is_never_called_a_retry(code):
    state = jobstate.read(job(), [pod("Failed", code)], {})
    assert (state.phase, state.reason, state.retrying) == ("Running", "Running", False)


def test_the_last_attempt_is_not_called_a_retry():
    tries = [pod("Failed", 1, f"p{n}", seconds=n) for n in range(3)]
    assert jobstate.read(job(2), tries[:2], {}).retrying
    assert not jobstate.read(job(2), tries, {}).retrying
    assert not jobstate.read(job(2, ["FailureTarget"]), tries[:1], {}).retrying


def test_a_job_that_is_being_ended_waits_for_no_pod():
    state = jobstate.read(job(2, ["FailureTarget"]), [], {})
    assert (state.phase, state.reason) == ("Running", "Running")


def test_F21_a_disruption_is_no_attempt():
    gone = {"conditions": [{"type": "DisruptionTarget", "status": "True"}]}
    assert jobstate.read(job(0), [pod("Failed", 143, **gone)], {}).retrying


def test_a_retry_says_what_the_last_attempt_died_of():
    died = pod("Failed", 137, over={"reason": "OOMKilled"})
    state = jobstate.read(job(), [died], {})
    assert (state.phase, state.reason, state.retrying) == ("Running", "OOMKilled", True)
    assert state.message.endswith("trying again")


def test_a_scheduler_that_met_another_writer_tries_again_and_the_pod_is_not_unschedulable():
    said = "running PreBind plugin: the object has been modified"
    held = {"type": "PodScheduled", "status": "False", "reason": "SchedulerError", "message": said}
    state = jobstate.read(job(), [pod(node=None, conditions=[held])], {})
    assert (state.reason, state.message) == ("Pending", said)


def test_a_pod_that_waits_for_its_queue_is_queued_not_unschedulable():
    gate = {"type": "PodScheduled", "status": "False", "reason": "SchedulingGated", "message": "m"}
    assert jobstate.read(job(), [pod(node=None, conditions=[gate])], {}).reason == "Queued"
