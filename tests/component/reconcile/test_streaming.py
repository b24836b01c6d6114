"""A pipeline with ingest.mode stream: its Deployment, its conditions, what its process says."""

import json
from datetime import timedelta

import pytest

from forebay.kube.port import CONFIG_MAP, EVENT, K8S_DEPLOYMENT, PIPELINE, POD, RUN, SECRET, Ref
from forebay.manifests.labels import OWNER_KIND, STAGE_NAME
from forebay.reconcile.progress import board_name
from forebay_workloads.contract import Progress, Result
from forebay_workloads.ingest import endpoint
from tests.component.reconcile.cluster import own, world
from tests.component.reconcile.test_run_failures import condition
from tests.unit.manifests.test_podspec import restricted

STREAM = {
    "mode": "stream",
    "from": {"storeRef": {"name": "local"}, "topic": "tx"},
    "to": {"storeRef": {"name": "local"}, "table": "tx", "key": ["id"]},
    "delivery": {"guarantee": "EffectivelyOnce", "deadLetter": {"topic": "tx.dlq"}},
}
STAGES = ("preprocess", "train", "evaluate", "publish", "predict", "deploy")


def streaming(**changes):
    """The stores and a pipeline that only ingests a stream."""
    objects = world(ingest={**STREAM, **changes.pop("ingest", {})}, **changes)
    for stage in STAGES:
        objects[2]["spec"].pop(stage)
    return objects[:3]


@pytest.fixture
def reconciler(cluster):
    return cluster.reconciler()


async def rounds(cluster, reconciler, count=3):
    for _ in range(count):
        await cluster.round(reconciler)
    return await cluster.one(PIPELINE, "movies")


async def start_pod(cluster, state=None):
    """What the Deployment's controller and the kubelet would do."""
    deployment = await cluster.one(K8S_DEPLOYMENT)
    template = deployment["spec"]["template"]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "movies-ingest-0",
            "namespace": "shop",
            "labels": template["metadata"]["labels"],
        },
        "spec": template["spec"],
    }
    made = await cluster.kube.create(pod, manager="kubelet")
    entry = {"name": "stage", "state": state or {"running": {"startedAt": "2026-01-31T12:00:00Z"}}}
    return await cluster.set_status(made, {"phase": "Running", "containerStatuses": [entry]})


def say(reconciler, **metrics):
    more = {key: metrics.pop(key) for key in ("reason", "message") if key in metrics}
    progress = Progress("stream", rows=500, rows_per_second=50.0, metrics=metrics, **more)
    reconciler.board.put("shop", board_name("NoSQLPipeline", "movies"), progress)


async def test_a_stream_is_a_deployment_of_one_restricted_pod_that_can_drain(cluster, reconciler):
    await cluster.apply(*streaming(podTemplate={"nodeSelector": {"disk": "ssd"}}))
    seen = await rounds(cluster, reconciler)
    assert await cluster.kube.list(RUN) == [], "there is nothing for a run to do"
    deployment = await cluster.one(K8S_DEPLOYMENT)
    spec = deployment["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    pod = spec["template"]["spec"]
    restricted(spec["template"])
    assert pod["terminationGracePeriodSeconds"] == 60
    assert pod["nodeSelector"] == {"disk": "ssd"}
    assert pod["containers"][0]["command"] == ["forebay-stage"]
    labels = spec["template"]["metadata"]["labels"]
    assert (labels[STAGE_NAME], labels[OWNER_KIND]) == ("stream", "NoSQLPipeline")
    config = next(c for c in await cluster.kube.list(CONFIG_MAP) if "stream" in str(c["data"]))
    document = json.loads(config["data"]["stage.json"])
    assert (document["stage"], document["spec"]["ingest"]["from"]["topic"]) == ("stream", "tx")
    assert list(document["stores"]) == ["local"]
    found = condition(seen, "Ingesting")
    assert (found["status"], found["reason"]) == ("False", "Pending")
    assert "ingest.mode" not in condition(seen, "Warning")["message"]


async def test_its_pod_is_asked_for_metrics_and_whether_it_lives(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    (container,) = (await cluster.one(K8S_DEPLOYMENT))["spec"]["template"]["spec"]["containers"]
    assert container["ports"] == [
        {"name": endpoint.PORT_NAME, "containerPort": endpoint.PORT, "protocol": "TCP"}
    ]
    paths = {
        kind: container[f"{kind}Probe"]["httpGet"] for kind in ("startup", "liveness", "readiness")
    }
    assert paths == {
        "startup": {"path": "/livez", "port": endpoint.PORT_NAME},
        "liveness": {"path": "/livez", "port": endpoint.PORT_NAME},
        "readiness": {"path": "/readyz", "port": endpoint.PORT_NAME},
    }


async def test_what_the_process_says_is_in_the_status(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    await start_pod(cluster)
    seen = await rounds(cluster, reconciler, 1)
    assert condition(seen, "Ingesting")["status"] == "Unknown", "it has said nothing yet"
    say(reconciler, lag=7, dead_lettered=0, held_partitions=0, last_commit=1_800_000_000.5)
    seen = await rounds(cluster, reconciler, 2)
    status = seen["status"]
    assert status["ingest"]["lag"] == 7
    assert (status["ingest"]["rows"], status["ingest"]["rowsPerSecond"]) == (500, 50)
    assert status["ingest"]["lastCommitTime"] == "2027-01-15T08:00:00Z"
    assert condition(seen, "Ingesting")["reason"] == "Running"
    assert condition(seen, "Ready")["status"] == "True"
    assert status["phase"] == "Ready"


async def test_dead_letters_are_told_for_a_while(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    await start_pod(cluster)
    say(reconciler, lag=0, dead_lettered=3)
    seen = await rounds(cluster, reconciler, 2)
    found = condition(seen, "Ingesting")
    assert (found["status"], found["reason"]) == ("True", "DeadLettering")
    assert seen["status"]["ingest"]["deadLettered"] == 3
    assert "DeadLettering" in {event["reason"] for event in await cluster.kube.list(EVENT)}
    cluster.now += timedelta(minutes=11)
    seen = await rounds(cluster, reconciler, 1)
    assert condition(seen, "Ingesting")["reason"] == "Running"


async def test_a_lag_that_does_not_shrink_is_a_sink_that_lags(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    await start_pod(cluster)
    for lag, reason in ((9000, "Running"), (9500, "SinkLagging"), (4000, "Running")):
        say(reconciler, lag=lag)
        cluster.now += timedelta(seconds=10)
        await reconciler.reconcile(Ref.of(await cluster.one(PIPELINE)))
        assert condition(await cluster.one(PIPELINE), "Ingesting")["reason"] == reason, lag


@pytest.mark.parametrize(
    ("word", "reason"),
    [("StoreUnreachable", "StoreUnreachable"), ("Unreadable", "DeadLettering")],
)
async def test_F34_what_it_waits_for_is_said_with_a_word_of_the_list(
    cluster, reconciler, word, reason
):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    await start_pod(cluster)
    say(reconciler, reason=word, message="partition 1 of tx stands at offset 7", held_partitions=1)
    seen = await rounds(cluster, reconciler, 2)
    found = condition(seen, "Ingesting")
    assert (found["status"], found["reason"]) == ("False", reason)
    assert "offset 7" in found["message"]
    assert condition(seen, "Ready")["status"] == "False"
    assert seen["status"]["ingest"]["heldPartitions"] == 1


async def test_a_process_that_ends_says_why_in_its_termination_message(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    text = Result(reason="NameConflict", message="the topic is the one that is read").encode()
    over = {"terminated": {"exitCode": 78, "message": text}}
    await start_pod(cluster, {"waiting": {"reason": "CrashLoopBackOff"}} | over)
    seen = await rounds(cluster, reconciler, 1)
    assert condition(seen, "Ingesting")["reason"] == "NameConflict"


async def test_suspend_pauses_the_stream_and_keeps_its_deployment(cluster, reconciler):
    await cluster.apply(*streaming(suspend=True))
    seen = await rounds(cluster, reconciler)
    assert (await cluster.one(K8S_DEPLOYMENT))["spec"]["replicas"] == 0
    assert condition(seen, "Ingesting")["reason"] == "Suspended"
    assert seen["status"]["phase"] == "Suspended"
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    assert (await cluster.one(K8S_DEPLOYMENT))["spec"]["replicas"] == 1


async def test_a_changed_spec_is_a_new_document_and_the_old_one_goes(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    before = await cluster.one(K8S_DEPLOYMENT)
    await cluster.apply(*streaming(ingest={"schemaPolicy": {"newField": "DeadLetter"}}))
    await rounds(cluster, reconciler)
    after = await cluster.one(K8S_DEPLOYMENT)
    assert before["spec"]["template"] != after["spec"]["template"]
    mine = [c for c in await cluster.kube.list(CONFIG_MAP) if "ingest" in c["metadata"]["name"]]
    assert len(mine) == 1


async def test_a_stream_that_becomes_a_batch_leaves_nothing_behind(cluster, reconciler):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    batch = streaming()
    batch[2]["spec"]["ingest"]["mode"] = "batch"
    await cluster.apply(*batch)
    seen = await rounds(cluster, reconciler, 4)
    assert await cluster.kube.list(K8S_DEPLOYMENT) == []
    assert [c for c in await cluster.kube.list(CONFIG_MAP) if "movies-ingest-" in c["metadata"]["name"]
            and c["metadata"]["labels"][OWNER_KIND] == "NoSQLPipeline"] == []  # fmt: skip
    assert "ingest" not in seen["status"]
    assert len(await cluster.kube.list(RUN)) == 1


async def test_runs_of_a_pipeline_with_a_stream_skip_the_ingest(cluster, reconciler):
    await cluster.apply(*world(ingest=STREAM))
    await cluster.settle(reconciler)
    run = await cluster.run_object()
    stages = {s["name"]: s["state"] for s in run["status"]["stages"]}
    assert (stages["ingest"], stages["train"]) == ("Skipped", "Succeeded")
    assert "ingest" not in cluster.started
    assert (
        len(
            [
                d
                for d in await cluster.kube.list(K8S_DEPLOYMENT)
                if "ingest" in d["metadata"]["name"]
            ]
        )
        == 1
    )


async def test_a_missing_store_and_a_rotated_secret(cluster, reconciler):
    stores = streaming()
    await cluster.apply(stores[2])
    seen = await rounds(cluster, reconciler)
    assert condition(seen, "Ingesting")["reason"] == "ReferenceMissing"
    assert await cluster.kube.list(K8S_DEPLOYMENT) == []
    local = own(
        "DataStore",
        "local",
        {"type": "embedded", "embedded": {}, "auth": {"secretRef": {"name": "s"}}},
    )
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s", "namespace": "shop"}}
    await cluster.apply(local, {**secret, "stringData": {"username": "a", "password": "b"}})
    await rounds(cluster, reconciler)
    before = (await cluster.one(K8S_DEPLOYMENT))["spec"]["template"]
    await cluster.apply({**secret, "stringData": {"username": "a", "password": "c"}})
    assert await cluster.one(SECRET)
    await rounds(cluster, reconciler)
    after = (await cluster.one(K8S_DEPLOYMENT))["spec"]["template"]
    assert before["metadata"]["annotations"] != after["metadata"]["annotations"]
    assert before["spec"] == after["spec"]


async def test_F11_a_new_operator_leaves_a_stream_as_it_stood_until_it_hears_of_it(
    cluster, reconciler
):
    await cluster.apply(*streaming())
    await rounds(cluster, reconciler)
    await start_pod(cluster)
    say(reconciler, lag=1)
    await rounds(cluster, reconciler, 2)
    seen = await rounds(cluster, cluster.reconciler(), 2)
    assert condition(seen, "Ready")["status"] == "True"
    assert seen["status"]["ingest"]["lag"] == 1
    assert len(await cluster.kube.list(POD)) >= 1


async def test_F66_of_two_pipelines_that_read_one_topic_in_one_group_the_second_is_told(
    cluster, reconciler
):
    *stores, first = streaming(ingest={"from": {**STREAM["from"], "group": "fraud"}})
    second = own("NoSQLPipeline", "copy", first["spec"])
    await cluster.apply(*stores, first)
    await rounds(cluster, reconciler)
    await cluster.apply(second)
    await rounds(cluster, reconciler)
    told = {obj["metadata"]["name"]: obj for obj in await cluster.kube.list(PIPELINE)}
    assert condition(told["movies"], "Ingesting")["reason"] == "Pending", "its pod is to come"
    found = condition(told["copy"], "Ingesting")
    assert (found["status"], found["reason"]) == ("False", "NameConflict")
    assert "NoSQLPipeline movies reads topic tx in group fraud already" in found["message"]
    assert [d["metadata"]["name"] for d in await cluster.kube.list(K8S_DEPLOYMENT)] == [
        "movies-ingest"
    ]
    await cluster.apply({**first, "spec": {**first["spec"], "suspend": True}})
    await rounds(cluster, reconciler)
    replicas = {
        d["metadata"]["name"]: d["spec"]["replicas"]
        for d in await cluster.kube.list(K8S_DEPLOYMENT)
    }
    assert replicas == {"movies-ingest": 0, "copy-ingest": 1}


async def test_pipelines_that_read_one_topic_in_groups_of_their_own_are_left_alone(
    cluster, reconciler
):
    *stores, first = streaming()
    await cluster.apply(*stores, first, own("NoSQLPipeline", "copy", first["spec"]))
    await rounds(cluster, reconciler)
    assert len(await cluster.kube.list(K8S_DEPLOYMENT)) == 2


async def test_F66_two_that_come_at_once_end_as_one(cluster, reconciler):
    *stores, first = streaming(ingest={"from": {**STREAM["from"], "group": "fraud"}})
    await cluster.apply(*stores, first, own("NoSQLPipeline", "copy", first["spec"]))
    await rounds(cluster, reconciler, 4)
    assert len(await cluster.kube.list(K8S_DEPLOYMENT)) == 1
    told = [condition(obj, "Ingesting")["reason"] for obj in await cluster.kube.list(PIPELINE)]
    assert sorted(told) == ["NameConflict", "Pending"]


async def test_a_stream_into_a_store_that_cannot_do_what_is_asked_is_not_started(
    cluster, reconciler
):
    cluster.ends["probe"] = Result(detail={"capabilities": ["tables"]})
    await cluster.apply(*streaming(ingest={"to": {**STREAM["to"], "ttl": "1h"}}))
    seen = await rounds(cluster, reconciler, 6)
    found = condition(seen, "Ingesting")
    assert (found["status"], found["reason"]) == ("False", "FieldNotSupportedInMode")
    assert found["message"] == "ingest.to.ttl: DataStore local cannot forget rows by age"
    assert await cluster.kube.list(K8S_DEPLOYMENT) == []
