"""Devices that are claimed, pods that work together, queues: what the plan makes of them, round by round."""

from datetime import timedelta

import pytest

from forebay.kube.port import (
    CONFIG_MAP,
    JOB,
    JOB_SET,
    POD,
    RESOURCE_CLAIM_TEMPLATE,
    RUN,
    SERVICE,
    Ref,
)
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_PEER, Result
from tests.component.reconcile.cluster import SPEC, Cluster, world
from tests.component.reconcile.test_run_failures import condition, stages

CLAIMS = frozenset({RESOURCE_CLAIM_TEMPLATE.api})
KUEUE = frozenset({"kueue.x-k8s.io/v1beta2/LocalQueue"})
SETS = frozenset({JOB_SET.api})
INDEX = "batch.kubernetes.io/job-completion-index"


def ref(kind, obj):
    return Ref(kind, obj["metadata"]["namespace"], obj["metadata"]["name"])


def train(**more):
    return {"train": {**SPEC["train"], **more}}


def short(**changes):
    """The world with a pipeline that ends with its training."""
    objects = world(**changes)
    for name in ("evaluate", "publish", "predict", "deploy"):
        objects[2]["spec"].pop(name)
    return objects


class Real(Cluster):
    """A cluster that is not the embedded plane, with the optional APIs that a test gives it."""

    def __init__(self, path):
        super().__init__(path, Settings(retry_base=0.01))
        self.installed = frozenset()

        async def apis():
            return self.installed

        self.kube.apis = apis

    async def until_waiting(self, reconciler, stage="train", rounds=40):
        """Rounds until the stage is the one that is waited for; its record."""
        for _ in range(rounds):
            await self.round(reconciler)
            for run in await self.kube.list(RUN):
                record = stages(run).get(stage, {}) if run.get("status") else {}
                if record.get("startTime") or record.get("reason") not in (None, "Pending"):
                    return record
        raise AssertionError(f"{stage} was not reached")

    async def made(self, kind, stage="train"):
        found = await self.kube.list(kind, "shop", {"forebay.dev/stage-name": stage})
        return found[0] if found else None

    async def both(self, job, *phases, code=None):
        """Pods of an Indexed Job, one of each phase."""
        for number, phase in enumerate(phases):
            status = {"phase": phase}
            if phase in ("Failed", "Succeeded"):
                over = {"exitCode": code[number], "message": Result(metrics={"n": number}).encode()}
                status["containerStatuses"] = [{"name": "stage", "state": {"terminated": over}}]
            made = await self.start_pod(job, number, status)
            meta = {"name": made["metadata"]["name"], "namespace": "shop"}
            obj = {"apiVersion": "v1", "kind": "Pod", "metadata": meta}
            meta["annotations"] = {INDEX: str(number)}
            await self.kube.apply(obj, manager="index")


@pytest.fixture
async def cluster(tmp_path):
    made = Real(tmp_path / "forebay.db")
    made.ends["train"] = None
    yield made
    await made.kube.close()


async def test_where_devices_cannot_be_claimed_the_stage_waits_and_says_what_is_missing(cluster):
    await cluster.apply(*world(**train(accelerator={"deviceClass": "gpu.example.com"})))
    reconciler = cluster.reconciler()
    record = await cluster.until_waiting(reconciler)
    assert (record["state"], record["reason"]) == ("Pending", "OptionalCRDMissing")
    assert RESOURCE_CLAIM_TEMPLATE.api in record["message"]
    assert await cluster.made(JOB) is None
    cluster.installed = CLAIMS
    for _ in range(3):
        await cluster.round(reconciler)
    claim, job = await cluster.made(RESOURCE_CLAIM_TEMPLATE), await cluster.made(JOB)
    pod = job["spec"]["template"]["spec"]
    assert pod["resourceClaims"][0]["resourceClaimTemplateName"] == claim["metadata"]["name"]
    assert claim["metadata"]["ownerReferences"][0]["kind"] == "PipelineRun"


async def test_a_claim_that_an_interrupted_pass_left_is_not_made_again(cluster):
    cluster.installed = CLAIMS
    await cluster.apply(*world(**train(accelerator={"deviceClass": "gpu.example.com"})))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler)
    job = await cluster.made(JOB)
    await cluster.kube.delete(ref(JOB, job))
    for _ in range(3):
        await cluster.round(reconciler)
    assert await cluster.made(JOB) is not None
    assert len(await cluster.kube.list(RESOURCE_CLAIM_TEMPLATE)) == 1


async def test_pods_that_work_together_get_a_service_and_the_first_ones_result_counts(cluster):
    await cluster.apply(*short(**train(nodes=2)))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler)
    job = await cluster.made(JOB)
    assert job["spec"]["parallelism"] == 2
    assert (await cluster.made(SERVICE))["spec"]["clusterIP"] == "None"
    for pod in await cluster.pods(job):
        await cluster.kube.delete(ref(POD, pod))
    await cluster.both(job, "Succeeded", "Succeeded", code=(0, 0))
    at = cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    done = {"type": "Complete", "status": "True", "lastTransitionTime": at}
    await cluster.set_status(job, {"conditions": [done], "completionTime": at})
    await cluster.round(reconciler)
    run = await cluster.run_object()
    assert run["status"]["metrics"] == {"n": "0"}
    assert stages(run)["train"]["attempts"] == 1


async def test_a_service_of_somebody_else_is_not_taken(cluster):
    await cluster.apply(*world(**train(nodes=2)))
    reconciler = cluster.reconciler()
    for _ in range(40):
        await cluster.round(reconciler)
        run = (await cluster.kube.list(RUN) or [{}])[0]
        if run:
            break
    name = f"{run['metadata']['name']}-train"
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
    }
    await cluster.apply(foreign)
    for _ in range(20):
        await cluster.round(reconciler)
    record = stages(await cluster.run_object())["train"]
    assert (record["state"], record["reason"]) == ("Failed", "NameConflict")


async def test_what_the_other_pod_died_of_is_told_and_not_that_it_was_missed(cluster):
    await cluster.apply(*world(**train(nodes=2)))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler)
    job = await cluster.made(JOB)
    for pod in await cluster.pods(job):
        await cluster.kube.delete(ref(POD, pod))
    await cluster.both(job, "Failed", "Failed", code=(EXIT_PEER, 137))
    await cluster.round(reconciler)
    record = stages(await cluster.run_object())["train"]
    assert record["state"] == "Retrying"
    assert "exit code 137" in record["message"]


async def test_a_job_set_is_read_as_a_job_and_taken_away_like_one(cluster):
    cluster.installed = SETS
    await cluster.apply(*short(**train(nodes=2)))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler)
    assert await cluster.made(JOB) is None
    found = await cluster.made(JOB_SET)
    assert await cluster.made(SERVICE) is None  # JobSet's own controller makes it
    template = found["spec"]["replicatedJobs"][0]["template"]["spec"]["template"]
    stand_in = {**found, "spec": {"template": template}}
    await cluster.both(stand_in, "Succeeded", "Succeeded", code=(0, 0))
    at = cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ")
    done = {"type": "Completed", "status": "True", "lastTransitionTime": at}
    await cluster.set_status(found, {"conditions": [done]})
    await cluster.round(reconciler)
    run = await cluster.run_object()
    assert stages(run)["train"]["state"] == "Succeeded"
    assert run["status"]["metrics"] == {"n": "0"}


async def test_F28_a_job_in_a_queue_is_queued_for_as_long_as_it_takes_and_is_never_let_go_by_us(
    cluster,
):
    cluster.installed = KUEUE
    cluster.ends["ingest"] = None
    await cluster.apply(*world(queue={"name": "ml"}, runPolicy={"pendingDeadlineSeconds": 60}))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler, "ingest")
    job = await cluster.made(JOB, "ingest")
    assert job["spec"]["suspend"] is True
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "ml"
    for pod in await cluster.pods(job):
        await cluster.kube.delete(ref(POD, pod))
    await cluster.set_status(job, {"conditions": [{"type": "Suspended", "status": "True"}]})
    cluster.now += timedelta(hours=2)
    await cluster.round(reconciler)
    run = await cluster.run_object()
    assert (stages(run)["ingest"]["state"], stages(run)["ingest"]["reason"]) == (
        "Pending",
        "Queued",
    )
    assert condition(run, "Ready")["reason"] == "Queued"
    assert condition(run, "Warning")["status"] == "False"
    assert (await cluster.made(JOB, "ingest"))["spec"]["suspend"] is True


async def test_F28_without_kueue_the_job_starts_at_once_and_a_warning_says_so(cluster):
    await cluster.apply(*world(queue={"name": "ml"}))
    await cluster.until_waiting(cluster.reconciler())
    job = await cluster.made(JOB, "ingest")
    assert "suspend" not in job["spec"]
    warning = condition(await cluster.run_object(), "Warning")
    assert (warning["status"], warning["reason"]) == ("True", "OptionalCRDMissing")
    assert "spec.queue" in warning["message"]
    assert await cluster.made(CONFIG_MAP, "ingest") is not None


async def test_a_pod_that_takes_the_place_of_a_lost_one_has_its_own_time_to_start(cluster):
    cluster.now -= timedelta(hours=2)
    await cluster.apply(*world(runPolicy={"pendingDeadlineSeconds": 60}))
    reconciler = cluster.reconciler()
    await cluster.until_waiting(reconciler)
    job = await cluster.made(JOB)
    for pod in await cluster.pods(job):
        await cluster.kube.delete(ref(POD, pod))
    cluster.now += timedelta(hours=2)
    said = {"type": "PodScheduled", "status": "False", "message": "0/1 nodes"}
    await cluster.start_pod(job, 1, {"phase": "Pending", "conditions": [said]})  # made now
    await cluster.round(reconciler)
    assert stages(await cluster.run_object())["train"]["reason"] == "Unschedulable"
    cluster.now += timedelta(seconds=61)
    await cluster.round(reconciler)
    record = stages(await cluster.run_object())["train"]
    assert (record["state"], record["reason"]) == ("Failed", "PendingDeadlineExceeded")
