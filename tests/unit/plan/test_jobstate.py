import pytest

from forebay.plan import jobstate, podstate
from forebay_workloads.contract import Result


def pod(phase="Running", name="p", created="2026-01-31T12:00:00Z", **status):
    meta = {"name": name, "creationTimestamp": created}
    return {"metadata": meta, "status": {"phase": phase, **status}}


def over(code, message="", name="p", created="2026-01-31T12:00:00Z", key="state", **more):
    entry = {"name": "stage", key: {"terminated": {"exitCode": code, "message": message, **more}}}
    return pod("Failed" if code else "Succeeded", name, created, containerStatuses=[entry])


def job(kind=None, reason="", **status):
    conditions = (
        [{"type": kind, "status": "True", "reason": reason, "lastTransitionTime": "t"}]
        if kind
        else []
    )
    return {"metadata": {"creationTimestamp": "c"}, "status": {"conditions": conditions, **status}}


@pytest.mark.parametrize(
    ("found", "pods", "phase", "reason"),
    [
        (job(), [], "Pending", "Pending"),
        (job(), [pod("Pending")], "Pending", "Pending"),
        (job(), [pod()], "Running", "Running"),
        (job(), [pod("Succeeded")], "Running", "Running"),
        (job(), [over(75), pod("Pending", "q", "2026-01-31T12:01:00Z")], "Running", "ExitCode"),
        (job("Suspended"), [], "Pending", "Queued"),
        (job("Failed", "DeadlineExceeded"), [pod()], "Failed", "DeadlineExceeded"),
        (job("Failed", "BackoffLimitExceeded"), [], "Failed", "BackoffLimitExceeded"),
        (job("Failed", "PodFailurePolicy"), [], "Failed", "ExitCode"),
        (job("Failed", "BackoffLimitExceeded"), [over(1), over(1, name="q")], "Failed", "ExitCode"),
        (job("Complete"), [], "Succeeded", "Succeeded"),
        ({"metadata": {}}, [], "Pending", "Pending"),
    ],
)  # fmt: skip
def test_a_job_is_judged_by_its_condition_and_explained_by_its_pods(found, pods, phase, reason):
    state = jobstate.read(found, pods, {})
    assert (state.phase, state.reason) == (phase, reason)


def test_the_stages_own_words_win_over_the_exit_code_and_attempts_are_counted():
    said = Result(reason="NonFiniteLoss", message="loss is nan").encode()
    state = jobstate.read(
        job("Failed", "BackoffLimitExceeded"), [over(65, said), over(65, said, "q")], {}
    )
    assert (state.reason, state.message) == (
        "NonFiniteLoss",
        "loss is nan (gave up after 2 attempts)",
    )


def test_a_result_that_was_too_long_for_plain_text_is_read():
    said = Result(detail={"text": "x" * 9000}).encode()
    state = jobstate.read(job("Complete", completionTime="t2"), [over(0, said)], {})
    assert state.result.detail["text"] == "x" * 9000
    assert state.completion == "t2"


@pytest.mark.parametrize(
    ("found", "reason", "said"),
    [
        (over(1, "Traceback\nKeyError"), "ExitCode", "exit code 1; last lines:\nTraceback\nKeyError"),
        (over(1), "ExitCode", "exit code 1"),
        (over(143), "Preempted", "saved"),
        (over(137, reason="OOMKilled"), "OOMKilled", "memory"),
        (over(137, reason="OOMKilled", key="lastState"), "OOMKilled", "memory"),
        (over(1, "[1, 2]"), "ExitCode", "[1, 2]"),
        (pod("Failed", message="The node was low on resource: memory."), "ExitCode", "low on resource"),
        (pod("Failed", reason="Evicted"), "ExitCode", "Evicted"),
    ],
)  # fmt: skip
def test_the_end_of_a_pod_has_a_reason_and_its_own_words(found, reason, said):
    end = podstate.ended(found, {})
    assert end.reason == reason
    assert said in end.message


def test_of_a_container_without_memory_the_limit_is_told_where_the_cluster_knows_it():
    died = over(137, reason="OOMKilled")
    died["status"]["containerStatuses"][0]["resources"] = {"limits": {"memory": "64Mi"}}
    assert podstate.ended(died, {}).message.endswith("podTemplate.resources. It was 64Mi.")


def test_log_lines_of_the_pod_come_before_what_its_message_says():
    assert podstate.ended(over(1, "short"), {"p": "the log\n"}).message.endswith("the log")
    assert podstate.ended(pod(), {}) is None


@pytest.mark.parametrize(
    ("held", "reason"),
    [
        ({"reason": "ImagePullBackOff"}, "ImagePullFailed"),
        (
            {"reason": "CreateContainerConfigError", "message": 'secret "user" not found'},
            "SecretMissing",
        ),
        ({"reason": "CreateContainerError", "message": "no such mount"}, "ReferenceMissing"),
    ],
)
def test_a_container_that_cannot_start_says_why(held, reason):
    found = pod("Pending", containerStatuses=[{"state": {"waiting": held}}])
    assert podstate.waiting(found)[0] == reason
    state = jobstate.read(job(), [found], {})
    assert (state.phase, state.reason) == ("Pending", reason)


def test_a_container_that_is_being_created_is_not_held():
    found = pod(
        "Pending", containerStatuses=[{"state": {"waiting": {"reason": "ContainerCreating"}}}]
    )
    assert podstate.waiting(found) is None
    fine = pod("Pending", conditions=[{"type": "PodScheduled", "status": "True"}])
    assert podstate.waiting(fine) is None
