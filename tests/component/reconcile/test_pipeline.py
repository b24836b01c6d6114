from datetime import timedelta

from forebay.errors import Conflict
from forebay.kube.port import CONFIG_MAP, EVENT, JOB, PIPELINE, RUN, Ref
from forebay_workloads.contract import Result, StageDocument
from tests.component.reconcile.cluster import world
from tests.component.reconcile.test_run_failures import condition, until


def small(**changes):
    """Two stores and a pipeline that only ingests."""
    objects = world(**changes)
    for stage in ("preprocess", "train", "evaluate", "publish", "predict", "deploy"):
        objects[2]["spec"].pop(stage)
    return objects[:3]


async def rounds(cluster, reconciler, count):
    for _ in range(count):
        await cluster.round(reconciler)


async def forget_status(cluster):
    """As after a crash between the creation of a run and the status write."""
    slim = {
        **await cluster.one(PIPELINE),
        "metadata": {"name": "movies", "namespace": "shop"},
        "status": {},
    }
    slim.pop("spec")
    await cluster.kube.apply(slim, subresource="status")


async def phases(cluster):
    return sorted(r["status"]["phase"] for r in await cluster.kube.list(RUN))


async def test_stages_that_are_left_out_are_shown_as_skipped(cluster):
    await cluster.apply(*small())
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    states = {s["name"]: s["state"] for s in run["status"]["stages"]}
    assert states["ingest"] == states["report"] == "Succeeded"
    assert states["train"] == states["deploy"] == "Skipped"


async def test_a_suspended_pipeline_starts_nothing_until_it_is_not(cluster):
    await cluster.apply(*small(suspend=True))
    reconciler = cluster.reconciler()
    await rounds(cluster, reconciler, 4)
    assert await cluster.kube.list(RUN) == []
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["phase"] == "Suspended"
    await cluster.apply(*small())
    await cluster.settle(reconciler)
    assert await phases(cluster) == ["Succeeded"]


async def first_run(cluster, reconciler):
    """One pass gives the pipeline a status, the next one its run."""
    for _ in range(2):
        await reconciler.reconcile(Ref.of(await cluster.one(PIPELINE)))


async def test_a_new_pipeline_first_says_that_it_was_seen(cluster):
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    assert await reconciler.reconcile(Ref.of(await cluster.one(PIPELINE))) == 0.0
    seen = await cluster.one(PIPELINE)
    assert await cluster.kube.list(RUN) == []
    assert condition(seen, "Ready")["status"] == "Unknown", "nobody who waits for Ready goes on"
    assert condition(seen, "Reconciling")["status"] == "True"
    await reconciler.reconcile(Ref.of(seen))
    assert len(await cluster.kube.list(RUN)) == 1


async def test_suspending_holds_a_run_that_has_not_begun_and_lets_a_begun_one_finish(cluster):
    cluster.ends["probe"] = None
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await first_run(cluster, reconciler)
    await cluster.apply(*small(suspend=True))
    await rounds(cluster, reconciler, 3)
    assert await phases(cluster) == ["Suspended"]
    cluster.ends["probe"] = Result()
    cluster.ends["ingest"] = None
    await cluster.apply(*small())
    await until(cluster, reconciler, "ingest")
    await cluster.apply(*small(suspend=True))
    cluster.ends["ingest"] = Result()
    await cluster.settle(reconciler)
    assert await phases(cluster) == ["Succeeded"]
    await cluster.apply(*small())
    await rounds(cluster, reconciler, 5)
    assert len(await cluster.kube.list(RUN)) == 1, "suspend is no change of what a run is made of"


async def test_an_annotation_asks_for_exactly_one_more_run(cluster):
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    asked = small()
    asked[2]["metadata"]["annotations"] = {"forebay.dev/run": "x" * 300}
    await cluster.apply(*asked)
    await rounds(cluster, reconciler, 10)
    assert await phases(cluster) == ["Succeeded", "Succeeded"]


async def test_a_run_that_is_gone_is_not_made_again(cluster):
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    await cluster.kube.delete(Ref.of(await cluster.run_object()))
    await rounds(cluster, reconciler, 4)
    assert await cluster.kube.list(RUN) == []
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["lastRun"]["phase"] == "Succeeded"
    assert condition(pipeline, "Ready")["status"] == "True"


async def test_the_history_limits_keep_the_newest_runs(cluster):
    limits = {"successfulRunsHistoryLimit": 1, "failedRunsHistoryLimit": 0}
    await cluster.apply(*small(**limits))
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    cluster.ends["ingest"] = (65, Result(reason="EmptyDataset"), {})
    asked = small(**limits)
    asked[2]["metadata"]["annotations"] = {"forebay.dev/run": "2"}
    await cluster.apply(*asked)
    await rounds(cluster, reconciler, 10)
    assert await phases(cluster) == ["Succeeded"]
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["phase"] in ("Ready", "Failed")


class Contended:
    """The API, on which somebody else writes to a pipeline just before the end of its run is written down."""

    def __init__(self, kube):
        self._kube, self.fails = kube, 1

    def __getattr__(self, name):
        return getattr(self._kube, name)

    async def apply(self, obj, **kwargs):
        last = (obj.get("status") or {}).get("lastRun") or {}
        if self.fails and obj["kind"] == PIPELINE.kind and last.get("phase") == "Failed":
            self.fails -= 1
            raise Conflict(409, "Conflict", "stale")
        return await self._kube.apply(obj, **kwargs)


async def test_a_run_beyond_the_limit_goes_after_its_end_is_written_down(cluster):
    cluster.ends["ingest"] = (65, Result(reason="EmptyDataset"), {})
    await cluster.apply(*small(failedRunsHistoryLimit=0))
    reconciler = cluster.reconciler(Contended(cluster.kube))
    await rounds(cluster, reconciler, 12)
    assert await cluster.kube.list(RUN) == []
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["lastRun"]["phase"] == "Failed"
    assert (condition(pipeline, "Ready")["status"], pipeline["status"]["phase"]) == (
        "False",
        "Failed",
    )


async def test_a_run_whose_time_is_over_waits_until_its_pipeline_tells_its_end(cluster):
    await cluster.apply(*small(runPolicy={"ttlSecondsAfterFinished": 0}))
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "report")
    ref = Ref.of(await cluster.run_object())
    for _ in range(6):  # only the run is looked at: its pipeline's pass comes late
        await reconciler.reconcile(ref)
        await cluster.controllers()
        cluster.now += timedelta(seconds=1)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"
    await rounds(cluster, reconciler, 4)
    assert await cluster.kube.list(RUN) == []
    assert (await cluster.one(PIPELINE))["status"]["lastRun"]["phase"] == "Succeeded"


async def test_a_finished_run_goes_when_its_time_is_over_and_its_children_follow(cluster):
    await cluster.apply(*small(runPolicy={"ttlSecondsAfterFinished": 60}))
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    assert await reconciler.reconcile(Ref.of(await cluster.run_object())) > 30
    cluster.now += timedelta(seconds=100)
    await rounds(cluster, reconciler, 3)
    assert await cluster.kube.list(RUN) == []
    assert "ingest" not in {cluster.stage_of(j) for j in await cluster.kube.list(JOB)}


async def test_while_a_run_goes_on_the_pipeline_shows_its_stage_and_that_another_one_waits(
    cluster,
):
    cluster.ends["ingest"] = None
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "ingest")
    await rounds(cluster, reconciler, 2)
    status = (await cluster.one(PIPELINE))["status"]
    assert status["progress"] == {"text": "ingest", "step": "ingest"}
    (run,) = status["active"]
    asked = small()[2]
    asked["metadata"]["annotations"] = {"forebay.dev/run": "again"}
    await cluster.apply(asked)
    await rounds(cluster, reconciler, 2)
    ready = condition(await cluster.one(PIPELINE), "Ready")
    assert ready["message"].endswith(f"the run by annotation again starts when {run} is finished")


async def reports(cluster):
    maps = await cluster.kube.list(CONFIG_MAP)
    documents = [StageDocument.from_json(one["data"]["stage.json"]) for one in maps]
    return [document for document in documents if document.stage == "report"]


async def test_the_report_is_told_which_runs_of_its_pipeline_are_there(cluster):
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    asked = small()
    asked[2]["metadata"]["annotations"] = {"forebay.dev/run": "again"}
    await cluster.apply(asked[2])
    await cluster.settle(reconciler)
    told = sorted(await reports(cluster), key=lambda document: len(document.living))
    uids = [document.run.uid for document in told]
    assert [document.living for document in told] == [uids[:1], sorted(uids)]
    owner = (await cluster.one(PIPELINE))["metadata"]["uid"]
    assert {document.run.owner for document in told} == {owner}
    born = {
        run["metadata"]["uid"]: run["metadata"]["creationTimestamp"]
        for run in await cluster.kube.list(RUN)
    }
    assert {document.run.uid: document.run.created for document in told} == born


async def test_replace_ends_the_active_run_and_allow_runs_beside_it(cluster):
    for policy, wished in (("Allow", 2), ("Replace", 1)):
        cluster.ends["ingest"] = None
        await cluster.apply(*small(concurrencyPolicy=policy))
        reconciler = cluster.reconciler()
        await until(cluster, reconciler, "ingest")
        asked = small(concurrencyPolicy=policy)
        asked[2]["metadata"]["annotations"] = {"forebay.dev/run": policy}
        await cluster.apply(*asked)
        await rounds(cluster, reconciler, 3)
        runs = await cluster.kube.list(RUN)
        active = [r for r in runs if r["status"]["phase"] in ("Pending", "Running")]
        assert len(active) == wished, policy
        cluster.ends["ingest"] = Result()
        await cluster.settle(reconciler)
        await cluster.kube.delete(Ref.of(await cluster.one(PIPELINE)))


async def test_a_schedule_starts_runs_and_says_when_the_next_one_is(cluster):
    await cluster.apply(*small(schedule="* * * * *"))
    reconciler = cluster.reconciler()
    await rounds(cluster, reconciler, 1)
    assert await cluster.kube.list(RUN) == []
    pipeline = await cluster.one(PIPELINE)
    assert condition(pipeline, "Ready")["reason"] == "NoRunYet"
    assert pipeline["status"]["nextScheduleTime"] > cluster.now.strftime("%Y-%m-%dT%H:%M")
    assert await reconciler.reconcile(Ref.of(pipeline)) <= 60
    cluster.now += timedelta(seconds=61)
    await cluster.settle(reconciler, 30)
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["lastRun"]["trigger"] == "schedule"
    assert pipeline["status"]["lastScheduleTime"]


async def test_F67_a_schedule_that_is_no_cron_expression_stalls_with_its_field(cluster):
    await cluster.apply(*small(schedule="30-10 * * * *"))
    await rounds(cluster, cluster.reconciler(), 1)
    found = condition(await cluster.one(PIPELINE), "Stalled")
    assert (found["status"], found["reason"]) == ("True", "InvalidSpec")
    assert "spec.schedule" in found["message"]


async def test_a_run_of_the_name_that_belongs_to_nobody_is_a_conflict(cluster):
    cluster.ends["ingest"] = None
    await cluster.apply(*small())
    reconciler = cluster.reconciler()
    await first_run(cluster, reconciler)
    run = await cluster.run_object()
    await cluster.kube.delete(Ref.of(run))
    meta = {"name": run["metadata"]["name"], "namespace": "shop"}
    await cluster.apply({**run, "metadata": meta})
    await forget_status(cluster)
    await first_run(cluster, reconciler)
    found = condition(await cluster.one(PIPELINE), "Stalled")
    assert found["reason"] == "NameConflict"
    assert meta["name"] in found["message"]


async def test_a_start_that_is_too_late_is_passed_over_and_said(cluster):
    late = small(schedule="0 0 1 1 *", startingDeadlineSeconds=60)
    await cluster.apply(*late)
    reconciler = cluster.reconciler()
    cluster.now = cluster.now.replace(year=cluster.now.year + 1, month=2, day=3)
    await rounds(cluster, reconciler, 3)
    assert await cluster.kube.list(RUN) == []
    events = [e for e in await cluster.kube.list(EVENT) if e["reason"] == "DeadlineExceeded"]
    assert len(events) == 1
    assert events[0]["count"] == 1


async def test_objects_that_are_being_deleted_are_left_alone(cluster):
    cluster.ends["ingest"] = None
    kept = small()
    kept[2]["metadata"]["finalizers"] = ["example.com/keep"]
    await cluster.apply(*kept)
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "ingest")
    pipeline = Ref.of(await cluster.one(PIPELINE))
    await cluster.kube.delete(pipeline)
    before = await cluster.versions()
    assert await reconciler.reconcile(pipeline) is None
    assert await cluster.versions() == before


async def test_an_interrupted_pass_is_not_made_up_for_by_a_second_run(cluster):
    cluster.ends["ingest"] = None
    asked = small()
    asked[2]["metadata"]["annotations"] = {"forebay.dev/run": "a"}
    await cluster.apply(*asked)
    reconciler = cluster.reconciler()
    await first_run(cluster, reconciler)
    changed = small(concurrencyPolicy="Allow")
    changed[2]["spec"]["preprocess"] = {"split": {"by": "random"}}
    changed[2]["metadata"]["annotations"] = {"forebay.dev/run": "a"}
    await cluster.apply(*changed)
    await forget_status(cluster)
    await rounds(cluster, reconciler, 2)
    kinds = sorted(r["spec"]["trigger"]["type"] for r in await cluster.kube.list(RUN))
    assert kinds == ["annotation", "spec"], "the spec has changed since, so it has a run of its own"
