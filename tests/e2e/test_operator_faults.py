"""The operator is killed, absent, late: the same end, and no Job twice."""

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import until
from tests.e2e.kit.watching import FINISHED, finished, first_run, phase, runs, shown, stages

pytestmark = [pytest.mark.e2e, pytest.mark.alone, pytest.mark.timeout(600)]
PODS = ("ingest", "preprocess", "train", "evaluate", "publish", "predict", "report")


def seen_jobs(api, namespace, known):
    """Adds the uids of all stage Jobs that are there to `known`, by stage."""
    for job in api.list("jobs", namespace):
        stage = job["metadata"]["labels"].get("forebay.dev/stage-name")
        if stage:
            known.setdefault(stage, set()).add(job["metadata"]["uid"])


def test_F08_an_operator_killed_at_every_stage_and_in_between_ends_the_same_run(
    kubectl, api, operator, project
):
    kubectl.apply([objects.full(), objects.served()], project)
    known, kills, told = {}, 0, None
    run = first_run(api, project)
    while phase(run) not in FINISHED:
        seen_jobs(api, project, known)
        now = {n: s["state"] for n, s in stages(run).items()}
        if now != told:  # at each change of any stage: as it starts, as it runs, as it is done
            told, kills = now, kills + 1
            operator.kill()  # the next change is the next operator's: no wait until it says "ready"
        run = runs(api, project)[-1]
    seen_jobs(api, project, known)
    operator.ready()
    assert phase(run) == "Succeeded", shown(api, project)
    assert {stage: len(known[stage]) for stage in PODS} == dict.fromkeys(PODS, 1)
    assert len(runs(api, project)) == 1
    assert kills >= len(PODS)
    kubectl("wait", "-n", project, "--for=condition=Ready", "--timeout=90s", "md/taste")


def test_a_job_that_finishes_while_no_operator_is_there_is_recorded_by_the_next(
    kubectl, api, operator, project
):
    kubectl.apply([objects.ingest_only()], project)
    until(
        lambda: api.list("jobs", project, "forebay.dev/stage-name=ingest"), 60, "the Job is there"
    )
    operator.scale(0)
    try:
        until(
            lambda: api.list("jobs", project, "forebay.dev/stage-name=ingest")[0]["status"].get(
                "succeeded"
            ),
            60,
            "the Job ends by itself",
        )
        assert phase(runs(api, project)[-1]) not in FINISHED
    finally:
        operator.scale(1)
    assert phase(finished(api, project, seconds=60)) == "Succeeded"
    assert len(api.list("jobs", project, "forebay.dev/stage-name=ingest")) == 1


def test_F14_objects_deleted_without_an_operator_go_at_once(kubectl, api, operator, project):
    kubectl.apply([objects.ingest_only()], project)
    first_run(api, project)
    operator.scale(0)
    try:
        kubectl("delete", "nsp,dst", "--all", "-n", project, "--timeout=20s")
        until(lambda: not api.list("pipelineruns", project), 30, "the run goes with its pipeline")
        until(lambda: not api.list("jobs", project), 30, "and its Jobs")
    finally:
        operator.scale(1)
