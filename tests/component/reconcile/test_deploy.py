import contextlib

import pytest

from forebay.errors import Foreign
from forebay.kube.port import DEPLOYMENT, EVENT, MODEL_VERSION, PIPELINE, RUN, Ref
from forebay_workloads.contract import Result, StageDocument
from tests.component.reconcile.cluster import DIGEST, Cluster, Remembering, own, world
from tests.component.reconcile.test_run_failures import condition, stages, until

STAGE = "forebay.dev/stage"


def again(value, **changes):
    """The pipeline, asked for one more run."""
    objects = world(**changes)
    objects[2]["metadata"]["annotations"] = {"forebay.dev/run": value}
    return objects[2]


async def labels(cluster):
    found = await cluster.kube.list(MODEL_VERSION)
    return {v["metadata"]["name"]: v["metadata"]["labels"].get(STAGE) for v in found}


async def newest_run(cluster):
    return max(await cluster.kube.list(RUN), key=lambda r: r["status"].get("startTime", ""))


async def test_manual_marks_the_version_as_staging_and_does_not_wait(cluster):
    deploy = {"deploymentRef": {"name": "movies"}, "policy": "Manual"}
    await cluster.apply(*world(deploy=deploy))
    await cluster.settle(cluster.reconciler())
    assert await labels(cluster) == {"movies-v1": "Staging"}
    assert "promote it" in stages(await cluster.run_object())["deploy"]["message"]


class Twice(Cluster):
    """Every object is looked at again before the next one has its turn."""

    async def own_refs(self):
        return [ref for ref in await super().own_refs() for _ in range(2)]


@pytest.mark.parametrize("plane", [Cluster, Remembering, Twice])
async def test_a_first_deployment_that_goes_well_tells_of_no_missing_version(tmp_path, plane):
    cluster = plane(tmp_path / "state.db")
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    told = [e for e in await cluster.kube.list(EVENT) if e["involvedObject"]["kind"] == RUN.kind]
    assert "deploy succeeded" in " ".join(e["message"] for e in told)
    assert [e["message"] for e in told if e["type"] == "Warning"] == []
    await cluster.kube.close()


async def test_while_a_second_run_is_under_way_the_pipeline_shows_what_the_first_published(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    cluster.ends["ingest"] = None
    await cluster.apply(again("second"))
    await until(cluster, reconciler, "ingest")
    status = (await cluster.one(PIPELINE))["status"]
    ready = next(one for one in status["conditions"] if one["type"] == "Ready")
    assert status["modelVersion"] == "movies-v1"
    assert (ready["status"], ready["reason"], status["phase"]) == ("True", "Running", "Running")


async def test_a_second_run_replaces_the_version_and_keep_removes_the_oldest(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    for value in ("second", "third"):
        await cluster.apply(again(value))
        for _ in range(25):
            await cluster.round(reconciler)
    assert await labels(cluster) == {"movies-v2": "Archived", "movies-v3": "Production"}
    assert (await cluster.one(DEPLOYMENT))["status"]["stable"]["version"] == "movies-v3"
    assert len(await cluster.kube.list(RUN)) == 3


async def test_evaluate_is_told_of_the_version_in_production(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    gate = {"metric": "rmse", "compareTo": "Production", "maxDrop": "0.01"}
    worse = Result(metrics={"rmse": 0.93}, detail={"baseline": {"metrics": {"rmse": 0.91}}})
    cluster.ends["evaluate"] = worse
    await cluster.apply(again("more", evaluate={"gates": [gate]}))
    for _ in range(25):
        await cluster.round(reconciler)
    run = await newest_run(cluster)
    assert stages(run)["evaluate"]["reason"] == "GateFailed"
    assert "worse than Production's 0.91 by 0.02" in stages(run)["evaluate"]["message"]
    maps = await cluster.kube.list(own_kind("ConfigMap"))
    name = f"{run['metadata']['name']}-evaluate"
    (text,) = [m["data"]["stage.json"] for m in maps if m["metadata"]["name"] == name]
    assert StageDocument.from_json(text).baseline == {
        "version": "movies-v1",
        "store": "local",
        "key": "models/movies/8c1f8c1f8c1f8c1f",
        "digest": DIGEST,
    }


def own_kind(name):
    from forebay.kube.port import KINDS

    return next(kind for kind in KINDS.values() if kind.kind == name)


async def test_predict_is_told_of_the_version_just_published(cluster):
    cluster.ends["predict"] = None
    await cluster.apply(*world())
    job = await until(cluster, cluster.reconciler(), "predict")
    found = await cluster.kube.get(Ref(own_kind("ConfigMap"), "shop", job["metadata"]["name"]))
    document = StageDocument.from_json(found["data"]["stage.json"])
    assert document.model_version == "movies-v1"
    assert document.artifact["digest"] == DIGEST
    assert document.workspace == "local"


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ({"name": "other", "stage": "Production"}, "serves model other"),
        ({"name": "movies", "version": "v7"}, "is fixed to v7"),
        ({"name": "movies", "stage": "Staging"}, "is fixed to stage Staging"),
    ],
)
async def test_a_deployment_that_would_never_serve_the_version_fails_the_stage(
    cluster, model, said
):
    *rest, _ = world()
    await cluster.apply(*rest, own("ModelDeployment", "movies", {"model": model}))
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert said in stages(run)["deploy"]["message"]
    assert run["status"]["modelVersion"] == "movies-v1"
    assert run["status"]["phase"] == "Failed"


async def test_a_missing_deployment_is_waited_for_and_named(cluster):
    *rest, served = world()
    await cluster.apply(*rest)
    reconciler = cluster.reconciler()
    for _ in range(25):
        await cluster.round(reconciler)
    run = await cluster.run_object()
    assert stages(run)["deploy"]["reason"] == "ReferenceMissing"
    await cluster.apply(served)
    await cluster.settle(reconciler)
    assert (await cluster.run_object())["status"]["phase"] == "Succeeded"


async def test_a_version_that_cannot_be_loaded_gives_production_back(cluster):
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await cluster.settle(reconciler)
    await cluster.apply(again("bad"))
    for _ in range(40):
        await cluster.round(reconciler)
        served = await cluster.one(DEPLOYMENT)
        if "movies-v2" in await labels(cluster):
            break
    status = {
        **served["status"],
        "canary": {"version": "movies-v2"},
        "conditions": [
            {**c, "status": "True", "reason": "ModelLoadFailed", "message": "bad graph"}
            if c["type"] == "Stalled"
            else c
            for c in served["status"]["conditions"]
        ],
    }
    run = await newest_run(cluster)
    for _ in range(8):
        await cluster.kube.apply(
            {
                **{k: served[k] for k in ("apiVersion", "kind")},
                "metadata": {"name": "movies", "namespace": "shop"},
                "status": status,
            },
            subresource="status",
        )
        await reconciler.reconcile(Ref.of(run))
        await cluster.controllers()
    run = await cluster.kube.get(Ref.of(run))
    assert stages(run)["deploy"]["reason"] == "ModelLoadFailed"
    assert await labels(cluster) == {"movies-v1": "Production", "movies-v2": "Archived"}


async def test_a_newer_production_version_is_not_taken_away(cluster):
    cluster.ends["predict"] = None
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    await until(cluster, reconciler, "predict")
    first = await cluster.one(MODEL_VERSION)
    spec = {**first["spec"], "version": "v9"}
    newer = own(
        "ModelVersion",
        "movies-v9",
        spec,
        labels={"forebay.dev/model": "movies", STAGE: "Production"},
    )
    await cluster.apply(newer)
    cluster.ends["predict"] = Result()
    await cluster.settle(reconciler)
    assert stages(await cluster.run_object())["deploy"]["state"] == "Skipped"
    assert (await labels(cluster))["movies-v9"] == "Production"


async def test_a_taken_version_name_is_passed_over(cluster):
    foreign = own(
        "ModelVersion",
        "movies-v1",
        {
            "model": "movies", "version": "v1", "digest": DIGEST,
            "artifact": {"storeRef": {"name": "local"}, "key": "models/movies/old"},
        },
    )  # fmt: skip
    await cluster.apply(*world(), foreign)
    await cluster.settle(cluster.reconciler())
    assert (await cluster.run_object())["status"]["modelVersion"] == "movies-v2"


async def test_fields_that_cannot_be_honoured_are_named_in_a_warning(cluster):
    deploy = {"deploymentRef": {"name": "movies"}, "policy": "Canary"}
    pods = {"algorithm": "matrix-factorization", "podTemplate": {"nodeSelector": {"a": "b"}}}
    await cluster.apply(*world(queue={"name": "ml"}, deploy=deploy, train=pods))
    await cluster.settle(cluster.reconciler())
    for obj in (await cluster.run_object(), await cluster.one(PIPELINE)):
        warning = condition(obj, "Warning")
        assert (warning["status"], warning["reason"]) == ("True", "FieldNotSupportedInMode")
        for field in ("spec.queue", "spec.deploy.policy", "spec.train.podTemplate"):
            assert field in warning["message"]


async def test_F27_what_an_owner_left_behind_is_told_and_waited_for(cluster):
    """As after `kubectl delete --cascade=orphan` and another apply: nobody will ever remove it."""
    left = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "movies",
            "namespace": "shop",
            "labels": {"app.kubernetes.io/managed-by": "forebay", "forebay.dev/owner-uid": "old"},
        },
        "spec": {"selector": {"app": "old"}, "ports": [{"port": 80}]},
    }
    made = await cluster.kube.create(left, manager="forebay")
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    for _ in range(25):
        with contextlib.suppress(Foreign):
            await cluster.round(reconciler)
        await cluster.controllers()
    told = condition(await cluster.one(DEPLOYMENT), "Ready")
    assert (told["status"], told["reason"]) == ("False", "NameConflict")
    assert "left behind" in told["message"]
    assert await cluster.kube.get(Ref.of(made)) == made


async def test_F27_a_service_of_somebody_else_is_neither_taken_over_nor_passed_in_silence(cluster):
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "movies", "namespace": "shop", "labels": {"app": "theirs"}},
        "spec": {"selector": {"app": "theirs"}, "ports": [{"port": 80}]},
    }
    made = await cluster.kube.create(theirs, manager="somebody")
    await cluster.apply(*world())
    reconciler = cluster.reconciler()
    for _ in range(25):
        with contextlib.suppress(Foreign):
            await cluster.round(reconciler)
        await cluster.controllers()
    deployment = await cluster.one(DEPLOYMENT)
    told = condition(deployment, "Ready")
    assert (told["status"], told["reason"]) == ("False", "NameConflict")
    assert "Service movies exists" in told["message"]
    assert await cluster.kube.get(Ref.of(made)) == made
    await cluster.kube.delete(Ref.of(made))
    for _ in range(25):
        await cluster.round(reconciler)
    assert condition(await cluster.one(DEPLOYMENT), "Ready")["status"] == "True"
