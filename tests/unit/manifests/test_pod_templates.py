from forebay.manifests.job import stage_job
from forebay.manifests.probe_job import probe_job
from forebay.settings import Settings
from tests.component.reconcile.cluster import own
from tests.unit.manifests.test_podspec import restricted
from tests.unit.manifests.test_stage_job import LOCAL, SETTINGS, SPEC, a_run

TAINTED = [{"key": "ml", "operator": "Exists"}]


def pod(stage, **template):
    job = stage_job(a_run(**template), stage, [LOCAL], SETTINGS, deadline=60, backoff_limit=1)
    restricted(job["spec"]["template"])
    return job["spec"]["template"]


def test_what_a_pipeline_says_of_its_pods_holds_for_every_stage_and_the_report():
    for stage in ("ingest", "train", "report"):
        template = {"tolerations": TAINTED, "annotations": {"team": "a"}}
        made = pod(stage, podTemplate=template)
        assert made["spec"]["tolerations"] == TAINTED, stage
        assert made["metadata"]["annotations"]["team"] == "a", stage


def test_what_a_stage_says_itself_wins_field_by_field():
    train = {**SPEC["train"], "podTemplate": {"nodeSelector": {"gpu": "yes"}}}
    both = {"nodeSelector": {"gpu": "no"}, "tolerations": TAINTED}
    made = pod("train", train=train, podTemplate=both)
    assert made["spec"]["nodeSelector"] == {"gpu": "yes"}
    assert made["spec"]["tolerations"] == TAINTED


def test_what_a_store_says_of_its_pods_holds_for_its_probe():
    spec = {"type": "embedded", "embedded": {}, "podTemplate": {"tolerations": TAINTED}}
    store = own("DataStore", "local", spec, uid="s")
    made = probe_job(store, "key", Settings())["spec"]["template"]
    restricted(made)
    assert made["spec"]["tolerations"] == TAINTED
