"""A pod that the API server does not let in: the run says why, though no condition of the Job does."""

from forebay.kube.port import JOB, PIPELINE, Ref
from tests.component.reconcile.cluster import world
from tests.component.reconcile.test_run_failures import condition, stages

QUOTA = 'pods "x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=1'


async def refuse(cluster, job, said):
    """As the Job controller tells of it."""
    meta = job["metadata"]
    about = {"kind": "Job", "name": meta["name"], "namespace": "shop", "uid": meta["uid"]}
    event = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.1", "namespace": "shop"},
        "involvedObject": about,
        "type": "Warning",
        "reason": "FailedCreate",
        "message": f"Error creating: {said}",
        "lastTimestamp": cluster.now.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
    await cluster.kube.create(event, manager="job-controller")


async def no_pods(*_args, **_more):
    return None


async def ingest_job(cluster, reconciler):
    for _ in range(20):
        await cluster.round(reconciler)
        for job in await cluster.kube.list(JOB):
            if cluster.stage_of(job) == "ingest":
                return job
    raise AssertionError("ingest was not started")


async def test_a_full_quota_shows_in_the_run_and_ends_when_there_is_room(cluster, monkeypatch):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await ingest_job(cluster, reconciler)
    for pod in await cluster.pods(job):
        await cluster.kube.delete(Ref.of(pod))
    with monkeypatch.context() as patch:
        patch.setattr(cluster, "start_pod", no_pods)
        await refuse(cluster, job, QUOTA)
        for _ in range(4):
            await cluster.round(reconciler)
        run = await cluster.run_object()
        entry = stages(run)["ingest"]
        assert (entry["state"], entry["reason"]) == ("Pending", "QuotaPending")
        assert "exceeded quota: small" in condition(run, "Ready")["message"]
        assert condition(await cluster.one(PIPELINE), "Ready")["reason"] == "QuotaPending"
    await cluster.settle(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"


async def test_a_pod_that_is_never_let_in_is_given_up_in_time_with_its_reason(cluster, monkeypatch):
    await cluster.apply(*world(runPolicy={"pendingDeadlineSeconds": 20}))
    reconciler = cluster.reconciler()
    job = await ingest_job(cluster, reconciler)
    for pod in await cluster.pods(job):
        await cluster.kube.delete(Ref.of(pod))
    monkeypatch.setattr(cluster, "start_pod", no_pods)
    await refuse(cluster, job, 'pods "x" is forbidden: violates PodSecurity "restricted:latest"')
    for _ in range(25):
        await cluster.round(reconciler)
    entry = stages(await cluster.run_object())["ingest"]
    assert entry["reason"] == "PendingDeadlineExceeded"
    assert "Forbidden" in entry["message"]
    assert "violates PodSecurity" in entry["message"]
