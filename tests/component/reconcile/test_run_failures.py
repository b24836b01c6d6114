import pytest

from forebay.kube.port import JOB, MODEL_VERSION, PIPELINE, POD, RUN, Ref
from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, Result
from tests.component.reconcile.cluster import world


def stages(run):
    return {s["name"]: s for s in run["status"]["stages"]}


def condition(obj, kind):
    return next(c for c in obj["status"]["conditions"] if c["type"] == kind)


async def until(cluster, reconciler, stage):
    """Rounds until the Job of a stage is there."""
    for _ in range(40):
        await cluster.round(reconciler)
        for job in await cluster.kube.list(JOB):
            if cluster.stage_of(job) == stage:
                return job
    raise AssertionError(f"{stage} was not started")


@pytest.mark.parametrize(
    ("end", "reason", "said"),
    [
        (
            (EXIT_DATA, Result(reason="EmptyDataset", message="no rows"), {}),
            "EmptyDataset",
            "no rows",
        ),
        (
            (EXIT_CONFIG, Result(reason="SchemaMismatch", message="no column x"), {}),
            "SchemaMismatch",
            "column x",
        ),
        ((137, None, {"reason": "OOMKilled"}), "OOMKilled", "memory"),
        ((42, None, {}), "ExitCode", "exit code 42"),
    ],
)
async def test_F23_a_stage_that_fails_says_why_in_run_and_pipeline(cluster, end, reason, said):
    cluster.ends["train"] = end
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert run["status"]["phase"] == "Failed"
    assert stages(run)["train"]["reason"] == reason
    assert said in stages(run)["train"]["message"]
    assert stages(run)["evaluate"]["state"] == "Skipped"
    assert stages(run)["report"]["state"] == "Succeeded"
    assert condition(run, "Stalled")["status"] == "True"
    assert await cluster.kube.list(MODEL_VERSION) == []
    pipeline = await cluster.one(PIPELINE)
    assert condition(pipeline, "Ready")["reason"] == reason
    assert pipeline["status"]["phase"] == "Failed"


async def test_what_a_store_cannot_do_fails_the_run_before_anything_is_started(cluster):
    able = {"capabilities": ["blobs", "tables"]}
    cluster.ends["probe"] = Result(detail=able)
    sink = {"storeRef": {"name": "local"}, "table": "recommendations", "ttl": "90d"}
    await cluster.apply(*world(predict={"to": sink}))
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    found = stages(run)["ingest"]
    assert (run["status"]["phase"], found["reason"]) == ("Failed", "FieldNotSupportedInMode")
    assert found["message"] == "predict.to.ttl: DataStore local cannot forget rows by age"
    assert set(cluster.started) <= {"probe", "report"}


async def test_the_last_log_lines_of_a_failed_pod_are_in_the_message(cluster):
    cluster.ends["ingest"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "ingest")
    (pod,) = await cluster.pods(job)
    log = cluster.path.parent / "pods" / pod["metadata"]["uid"] / "log.txt"
    log.parent.mkdir(parents=True)
    log.write_text("reading\nTraceback\nKeyError: 'rating'\n")
    await cluster.end_pod(job, pod, (1, None, {}))
    await cluster.round(reconciler)
    assert "KeyError: 'rating'" in stages(await cluster.run_object())["ingest"]["message"]


async def test_F23_an_unschedulable_pod_waits_with_the_schedulers_sentence(cluster):
    cluster.ends["train"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "train")
    (pod,) = await cluster.pods(job)
    said = "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."
    held = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": said}
    await cluster.set_status(pod, {"phase": "Pending", "conditions": [held]})
    await cluster.round(reconciler)
    run = await cluster.run_object()
    assert (stages(run)["train"]["state"], stages(run)["train"]["reason"]) == (
        "Pending",
        "Unschedulable",
    )
    assert said in condition(run, "Ready")["message"]
    assert condition(run, "Reconciling")["status"] == "True"
    await cluster.round(reconciler)
    ready = condition(await cluster.one(PIPELINE), "Ready")
    assert ready["reason"] == "Unschedulable"
    assert said in ready["message"], "one look at the pipeline says it too"


async def test_F23_an_image_that_cannot_be_pulled_is_named_and_given_up_in_time(cluster):
    cluster.ends["ingest"] = None
    await cluster.apply(*world(runPolicy={"pendingDeadlineSeconds": 20}))
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "ingest")
    (pod,) = await cluster.pods(job)
    entry = {
        "image": "example/train:1",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}},
    }
    await cluster.set_status(pod, {"phase": "Pending", "containerStatuses": [entry]})
    await cluster.round(reconciler)
    assert stages(await cluster.run_object())["ingest"]["reason"] == "ImagePullFailed"
    for _ in range(25):
        await cluster.round(reconciler)
    run = await cluster.run_object()
    assert stages(run)["ingest"]["reason"] == "PendingDeadlineExceeded"
    assert "example/train:1" in stages(run)["ingest"]["message"]
    assert [j for j in await cluster.kube.list(JOB) if cluster.stage_of(j) == "ingest"] == []


async def test_a_run_that_takes_too_long_is_ended_and_its_job_stopped(cluster):
    cluster.ends["train"] = None
    await cluster.apply(*world(runPolicy={"activeDeadlineSeconds": 30}))
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert stages(run)["train"]["reason"] == "DeadlineExceeded"
    assert run["status"]["phase"] == "Failed"
    assert "train" not in {cluster.stage_of(j) for j in await cluster.kube.list(JOB)}


async def test_a_model_that_misses_a_gate_is_not_published(cluster):
    cluster.ends["evaluate"] = Result(metrics={"rmse": 0.95})
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert stages(run)["evaluate"]["reason"] == "GateFailed"
    assert stages(run)["evaluate"]["message"] == "rmse 0.95 misses <= 0.92"
    assert run["status"]["metrics"] == {"rmse": "0.95"}
    assert await cluster.kube.list(MODEL_VERSION) == []


async def test_F26_a_finished_run_is_never_run_again_when_its_jobs_are_gone(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    before = await cluster.run_object()
    started = list(cluster.started)
    for job in await cluster.kube.list(JOB):
        await cluster.kube.delete(Ref.of(job))
    for _ in range(3):
        await cluster.round(reconciler)
    assert await cluster.run_object() == before
    assert [s for s in cluster.started if s != "probe"] == [s for s in started if s != "probe"]


async def test_F26_a_recorded_stage_is_not_run_again_when_its_job_is_gone(cluster):
    cluster.ends["evaluate"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "evaluate")
    for job in await cluster.kube.list(JOB):
        if cluster.stage_of(job) in ("ingest", "preprocess", "train"):
            await cluster.kube.delete(Ref.of(job))
    cluster.ends["evaluate"] = Result(metrics={"rmse": 0.9})
    await cluster.settle(reconciler)
    assert cluster.started.count("train") == 1
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"


async def test_F26_a_job_that_vanishes_while_it_runs_is_started_again(cluster):
    cluster.ends["train"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "train")
    await cluster.round(reconciler)
    await cluster.kube.delete(Ref.of(job))
    cluster.ends["train"] = Result()
    await cluster.settle(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"
    assert cluster.started.count("train") == 2


async def test_F26_a_lost_result_of_publish_is_made_again_not_guessed(cluster):
    cluster.ends["publish"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "publish")
    (pod,) = await cluster.pods(job)
    await cluster.end_pod(job, pod, Result())
    await cluster.kube.delete(Ref.of(pod))
    for _ in range(5):
        await cluster.round(reconciler)
    assert await cluster.kube.list(MODEL_VERSION) == []
    cluster.ends["publish"] = Result(detail={"digest": "sha256:" + "0" * 64, "key": "models/m/0"})
    for _ in range(70):
        await cluster.round(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"
    assert len(await cluster.kube.list(MODEL_VERSION)) == 1


async def test_F27_a_foreign_job_of_the_name_is_left_alone(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    cluster.ends["ingest"] = None
    job = await until(cluster, reconciler, "ingest")
    name = job["metadata"]["name"].replace("-ingest", "-preprocess")
    foreign = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {},
    }
    foreign["status"] = {}
    await cluster.kube.create(
        {**foreign, "metadata": {**foreign["metadata"], "labels": {"a": "b"}}}, manager="user"
    )
    (pod,) = await cluster.pods(job)
    await cluster.end_pod(job, pod, Result())
    await reconciler.reconcile(Ref.of(await cluster.run_object()))
    run = await cluster.run_object()
    assert stages(run)["preprocess"]["reason"] == "NameConflict"
    assert name in stages(run)["preprocess"]["message"]
    left = await cluster.kube.get(Ref(JOB, "shop", name))
    assert left["metadata"]["labels"] == {"a": "b"}


async def test_F29_a_spec_edited_while_training_makes_a_run_of_its_own_and_patches_no_job(cluster):
    cluster.ends["train"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    job = await until(cluster, reconciler, "train")
    await cluster.apply(
        *world(train={"algorithm": "matrix-factorization", "params": {"user": "u"}})
    )
    for _ in range(3):
        await cluster.round(reconciler)
    same = await cluster.kube.get(Ref.of(job))
    assert same["spec"] == job["spec"]
    assert len(await cluster.kube.list(RUN)) == 1, "Forbid: the next run waits"
    cluster.ends["train"] = Result()
    for _ in range(60):
        await cluster.round(reconciler)
    runs = await cluster.kube.list(RUN)
    assert sorted(r["spec"]["template"]["train"]["params"]["user"] for r in runs) == [
        "u",
        "user_id",
    ]
    assert {r["status"]["phase"] for r in runs} == {"Succeeded"}
    versions = await cluster.kube.list(MODEL_VERSION)
    stage = {v["metadata"]["name"]: v["metadata"]["labels"]["forebay.dev/stage"] for v in versions}
    assert stage == {"movies-v1": "Archived", "movies-v2": "Production"}


async def test_F64_a_missing_store_is_waited_for_and_named(cluster):
    downloads, *rest = world()
    await cluster.apply(*rest)
    reconciler = cluster.reconciler()
    for _ in range(4):
        await cluster.round(reconciler)
    run = await cluster.run_object()
    assert run["status"]["phase"] == "Pending"
    assert condition(run, "Ready")["reason"] == "ReferenceMissing"
    assert "DataStore downloads does not exist" in condition(run, "Ready")["message"]
    assert condition(await cluster.one(PIPELINE), "StoresReachable")["reason"] == "ReferenceMissing"
    await cluster.apply(downloads)
    await cluster.settle(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"


async def test_a_store_that_never_answers_ends_the_run_in_time(cluster):
    cluster.ends["probe"] = (75, Result(reason="StoreUnreachable", message="refused"), {})
    await cluster.apply(*world(runPolicy={"pendingDeadlineSeconds": 10}))
    reconciler = cluster.reconciler()
    for _ in range(20):
        await cluster.round(reconciler)
    stage = stages(await cluster.run_object())["ingest"]
    assert stage["reason"] == "PendingDeadlineExceeded"
    assert "refused" in stage["message"]


@pytest.mark.parametrize("stage", ["ingest", "train", "publish"])
async def test_F68_a_pipeline_deleted_and_made_again_leaves_nothing_of_the_old_one(cluster, stage):
    cluster.ends[stage] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, stage)
    pipeline = await cluster.one(PIPELINE)
    old = await cluster.run_object()
    await cluster.kube.delete(Ref.of(pipeline))
    await cluster.apply(*world())
    cluster.ends = {
        **cluster.ends,
        stage: Result(detail={"digest": "sha256:" + "0" * 64, "key": "k"}),
    }
    await cluster.settle(reconciler)
    run = await cluster.run_object()
    assert run["metadata"]["name"] != old["metadata"]["name"]
    assert run["status"]["phase"] == "Succeeded"
    for kind in (JOB, POD):
        owners = {
            o["metadata"]["labels"]["forebay.dev/owner-uid"] for o in await cluster.kube.list(kind)
        }
        assert old["metadata"]["uid"] not in owners


async def test_a_paused_run_is_left_alone_until_it_is_not(cluster):
    cluster.ends["train"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "train")
    pipeline = await cluster.one(PIPELINE)
    paused = world()[2]
    paused["metadata"]["annotations"] = {"forebay.dev/reconcile": "paused"}
    await cluster.apply(paused)
    cluster.ends["train"] = Result()
    for _ in range(4):
        await cluster.round(reconciler)
    run = await cluster.run_object()
    assert run["status"]["phase"] == "Suspended"
    assert condition(run, "Ready")["reason"] == "ReconcilePaused"
    assert condition(await cluster.one(PIPELINE), "Ready")["reason"] == "ReconcilePaused"
    assert cluster.started.count("evaluate") == 0
    await cluster.apply(world()[2])
    await cluster.settle(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"
    assert (await cluster.one(PIPELINE))["metadata"]["uid"] == pipeline["metadata"]["uid"]


async def test_a_failed_report_is_a_warning_only(cluster):
    cluster.ends["report"] = (1, Result(reason="DiskFull", message="no space"), {})
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert run["status"]["phase"] == "Succeeded"
    assert "no space" in condition(run, "Warning")["message"]


async def test_publish_without_a_digest_is_a_failure_not_a_version(cluster):
    cluster.ends["publish"] = Result(detail={"key": "k"})
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    assert "without digest" in stages(await cluster.run_object())["publish"]["message"]
    assert await cluster.kube.list(MODEL_VERSION) == []


async def test_a_store_whose_spec_cannot_work_ends_the_run_at_once(cluster):
    cluster.ends["probe"] = (
        EXIT_CONFIG,
        Result(reason="InvalidSpec", message="no such suffix"),
        {},
    )
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    for _ in range(8):
        await cluster.round(reconciler)
    stage = stages(await cluster.run_object())["ingest"]
    assert (stage["state"], stage["reason"]) == ("Failed", "InvalidSpec")


async def test_a_run_without_evaluate_has_the_metrics_of_its_training(cluster):
    objects = world()
    for left_out in ("evaluate", "predict", "deploy"):
        objects[2]["spec"].pop(left_out)
    await cluster.apply(*objects)
    await cluster.settle(cluster.reconciler())
    assert (await cluster.run_object())["status"]["metrics"] == {"rmse": "0.9"}


async def test_a_version_that_is_deleted_before_it_is_deployed_fails_the_run(cluster):
    cluster.ends["predict"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "predict")
    await cluster.kube.delete(Ref.of(await cluster.one(MODEL_VERSION)))
    cluster.ends["predict"] = Result()
    await cluster.settle(reconciler)
    assert (
        stages(await cluster.run_object())["deploy"]["message"] == "ModelVersion movies-v1 is gone"
    )
