from forebay.kube.port import DEPLOYMENT, EVENT, MODEL_VERSION, PIPELINE
from forebay.manifests.labels import STAGE
from tests.component.reconcile.cluster import world


async def test_a_pipeline_runs_from_ingest_to_a_served_version(cluster):
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler())
    run = await cluster.run_object()
    assert {s["name"]: s["state"] for s in run["status"]["stages"]} == dict.fromkeys(
        ("ingest", "preprocess", "train", "evaluate", "publish", "predict", "deploy", "report"),
        "Succeeded",
    )
    assert run["status"]["phase"] == "Succeeded"
    assert run["status"]["metrics"] == {"rmse": "0.911", "mae": "0.7"}
    assert run["status"]["modelVersion"] == "movies-v1"
    assert run["status"]["report"] == "reports/movies.html"
    version = await cluster.one(MODEL_VERSION)
    assert version["metadata"]["labels"][STAGE] == "Production"
    pipeline = await cluster.one(PIPELINE)
    assert pipeline["status"]["phase"] == "Ready"
    assert pipeline["status"]["lastRun"]["modelVersion"] == "movies-v1"
    served = await cluster.one(DEPLOYMENT)
    assert served["status"]["stable"]["version"] == "movies-v1"
    events = {e["reason"] for e in await cluster.kube.list(EVENT)}
    assert {"Triggered", "Succeeded"} <= events
    assert [s for s in cluster.started if s != "probe"] == [
        "ingest", "preprocess", "train", "evaluate", "publish", "predict", "report",
    ]  # fmt: skip
    assert len(str(run["status"])) < 8000
