from datetime import UTC, datetime, timedelta

import pytest

from forebay.local.jobrules import JobView, action, decide, seconds_to_live

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
POLICY = {
    "rules": [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},
        {"action": "FailJob", "onExitCodes": {"operator": "In", "values": [65, 78]}},
        {"action": "Ignore", "onExitCodes": {"operator": "In", "values": [76]}},
    ]
}


def stamp(seconds_ago):
    return (NOW - timedelta(seconds=seconds_ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


def job(started=100, conditions=(), **spec):
    return {
        "metadata": {"name": "train"},
        "spec": {"backoffLimit": 2, "podFailurePolicy": POLICY, **spec},
        "status": {"startTime": stamp(started), "conditions": list(conditions)},
    }


def pod(phase, code=None, ago=50, *, disrupted=False):
    conditions = [{"type": "DisruptionTarget", "status": "True"}] if disrupted else []
    end = {"terminated": {"exitCode": code, "finishedAt": stamp(ago)}} if code is not None else {}
    return {
        "metadata": {"name": "train-0"},
        "spec": {"containers": [{"name": "stage"}]},
        "status": {
            "phase": phase,
            "conditions": conditions,
            "containerStatuses": [{"state": end}],
        },
    }


RUNNING = pod("Running")
GOOD = pod("Succeeded", 0)
PAIR = {"completionMode": "Indexed", "completions": 2, "parallelism": 2}
TARGET = {"type": "FailureTarget", "status": "True", "reason": "DeadlineExceeded", "message": ""}


def at(index, one):
    notes = {"batch.kubernetes.io/job-completion-index": str(index)}
    return {**one, "metadata": {"name": f"train-{index}-0", "annotations": notes}}


def bad(code=1, ago=50, **more):
    return pod("Failed", code, ago, **more)


@pytest.mark.parametrize(
    ("the_job", "pods", "verdict", "reason"),
    [
        (job(), [], "Run", ""),
        (job(), [RUNNING], "Wait", ""),
        (job(), [GOOD], "Complete", "CompletionsReached"),
        (job(), [bad(), GOOD], "Complete", "CompletionsReached"),
        (job(), [bad()], "Run", ""),
        (job(), [bad(ago=0)], "Wait", ""),
        (job(), [bad(), bad(ago=1)], "Wait", ""),
        (job(), [bad(), bad(ago=3)], "Run", ""),
        (job(), [bad()] * 3, "Failed", "BackoffLimitExceeded"),
        (job(backoffLimit=0), [bad()], "Failed", "BackoffLimitExceeded"),
        (job(), [bad(65)], "Failed", "PodFailurePolicy"),
        (job(), [bad(78), RUNNING], "Failed", "PodFailurePolicy"),
        (job(backoffLimit=0), [bad(143, disrupted=True)] * 5, "Run", ""),
        (job(backoffLimit=0), [bad(65, disrupted=True)], "Run", ""),
        (job(**PAIR), [], "Run", ""),
        (job(**PAIR), [at(0, RUNNING)], "Run", ""),
        (job(**PAIR), [at(0, RUNNING), at(1, RUNNING)], "Wait", ""),
        (job(**PAIR), [at(0, GOOD)], "Run", ""),
        (job(**PAIR), [at(1, GOOD), at(0, RUNNING)], "Wait", ""),
        (job(**PAIR), [at(1, GOOD), at(0, GOOD)], "Complete", "CompletionsReached"),
        (job(**PAIR), [at(0, RUNNING), at(1, bad())], "Run", ""),
        (job(**PAIR), [at(0, RUNNING), at(1, bad(ago=0))], "Wait", ""),
        (job(backoffLimit=0, **PAIR), [at(0, RUNNING), at(1, bad(76))], "Run", ""),
        (
            job(backoffLimit=0, **PAIR),
            [at(0, RUNNING), at(1, bad())],
            "Failed",
            "BackoffLimitExceeded",
        ),
        (job(activeDeadlineSeconds=99), [RUNNING], "Failed", "DeadlineExceeded"),
        (job(activeDeadlineSeconds=99), [GOOD], "Complete", "CompletionsReached"),
        (job(activeDeadlineSeconds=101), [RUNNING], "Wait", ""),
        (job(conditions=[TARGET]), [], "Failed", "DeadlineExceeded"),
        (job(suspend=True), [RUNNING], "Suspended", "JobSuspended"),
        (job(suspend=True, activeDeadlineSeconds=1), [], "Suspended", "JobSuspended"),
    ],
)
def test_the_first_rule_that_applies_decides(the_job, pods, verdict, reason):
    decision = decide(JobView(the_job, pods, NOW))
    assert (decision.verdict, decision.reason) == (verdict, reason)


def test_the_pause_doubles_and_says_when_to_look_again():
    for failures, pause in ((1, 1), (2, 2)):
        waiting = decide(JobView(job(), [bad(ago=0)] * failures, NOW))
        assert waiting.again == pause


def test_a_deadline_says_when_to_look_again():
    assert decide(JobView(job(activeDeadlineSeconds=160), [RUNNING], NOW)).again == 60


def test_F19_a_clock_that_was_set_back_does_not_hold_a_job_for_ever():
    assert decide(JobView(job(), [bad(ago=-3600)], NOW)).verdict == "Run"


def test_a_good_end_matches_no_exit_code_rule():
    rule = {"action": "FailJob", "onExitCodes": {"operator": "NotIn", "values": [1]}}
    assert action(job(podFailurePolicy={"rules": [rule]}), bad(2)) == "FailJob"
    assert action(job(podFailurePolicy={"rules": [rule]}), bad(1)) == "Count"
    assert action(job(podFailurePolicy={"rules": [rule]}), GOOD) == "Count"


def test_a_finished_job_lives_for_its_time_to_live():
    over = {"type": "Complete", "status": "True", "lastTransitionTime": stamp(10)}
    assert seconds_to_live(job(conditions=[over], ttlSecondsAfterFinished=30), NOW) == 20
    assert seconds_to_live(job(conditions=[over]), NOW) is None
    assert seconds_to_live(job(ttlSecondsAfterFinished=30), NOW) is None
