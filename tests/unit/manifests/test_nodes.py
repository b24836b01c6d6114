"""A training in several pods: Indexed Job and Service, or a JobSet; and the queue that lets them go."""

import pytest

from forebay.manifests.job import job_name
from forebay.manifests.labels import OWNER_UID, STAGE_NAME
from forebay.manifests.nodes import subdomain_of
from forebay.manifests.workload import stage_workload
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, EXIT_PEER
from tests.unit.manifests.test_podspec import restricted
from tests.unit.manifests.test_stage_job import LOCAL, a_run

JOBSET = frozenset({"jobset.x-k8s.io/v1alpha2/JobSet"})
KUEUE = frozenset({"kueue.x-k8s.io/v1beta2/LocalQueue"})
TRAIN = {"algorithm": "matrix-factorization"}


def work(nodes=2, plane="cluster", apis=frozenset(), **spec):
    run = a_run(train={**TRAIN, "nodes": nodes}, **spec)
    settings = Settings(plane=plane)
    return stage_workload(run, "train", [LOCAL], settings, deadline=60, backoff_limit=2, apis=apis)


def environment(pod):
    return {e["name"]: e.get("value", e.get("valueFrom")) for e in pod["containers"][0]["env"]}


def test_one_node_is_a_plain_job():
    (job,) = work(nodes=1)
    assert "completionMode" not in job["spec"]
    assert "RANK" not in str(job)


def test_several_nodes_are_an_indexed_job_whose_pods_find_the_first_one_by_name():
    service, job = work(nodes=3)
    name = job["metadata"]["name"]
    assert (job["spec"]["completionMode"], job["spec"]["completions"]) == ("Indexed", 3)
    assert job["spec"]["parallelism"] == 3
    pod = job["spec"]["template"]["spec"]
    assert pod["subdomain"] == service["metadata"]["name"]
    told = environment(pod)
    assert told["MASTER_ADDR"] == f"{name}-0.{service['metadata']['name']}"
    assert told["WORLD_SIZE"] == "3"
    assert told["RANK"] == {
        "fieldRef": {
            "fieldPath": "metadata.annotations['batch.kubernetes.io/job-completion-index']"
        }
    }
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["publishNotReadyAddresses"] is True
    assert service["spec"]["selector"] == {"batch.kubernetes.io/job-name": name}
    restricted(job["spec"]["template"])


def test_a_pod_that_ended_because_another_did_counts_for_nothing():
    *_, job = work()
    rules = job["spec"]["podFailurePolicy"]["rules"]
    codes = {r["action"]: r["onExitCodes"]["values"] for r in rules if "onExitCodes" in r}
    assert codes == {"FailJob": [EXIT_DATA, EXIT_CONFIG], "Ignore": [EXIT_PEER]}


def test_on_one_machine_they_meet_at_a_port_of_their_own():
    (job,) = work(plane="embedded")
    (again,) = work(plane="embedded")
    told = environment(job["spec"]["template"]["spec"])
    assert told["MASTER_ADDR"] == "127.0.0.1"
    assert 20_000 <= int(told["MASTER_PORT"]) < 30_000
    assert environment(again["spec"]["template"]["spec"]) == told


def test_a_job_set_is_used_where_it_is_installed():
    (found,) = work(apis=JOBSET)
    assert (found["apiVersion"], found["kind"]) == ("jobset.x-k8s.io/v1alpha2", "JobSet")
    (replicated,) = found["spec"]["replicatedJobs"]
    spec, name = replicated["template"]["spec"], found["metadata"]["name"]
    assert (spec["completionMode"], spec["parallelism"], spec["backoffLimit"]) == ("Indexed", 2, 0)
    assert found["spec"]["failurePolicy"]["maxRestarts"] == 2
    told = environment(spec["template"]["spec"])
    assert told["MASTER_ADDR"] == f"{name}-node-0-0.{name}"
    assert found["spec"]["network"]["subdomain"] == name
    labels = spec["template"]["metadata"]["labels"]
    assert (labels[OWNER_UID], labels[STAGE_NAME]) == ("r-1", "train")
    assert replicated["template"]["metadata"]["labels"][OWNER_UID] == "r-1"
    restricted(spec["template"])


def test_a_job_set_is_not_used_for_one_node():
    (job,) = work(nodes=1, apis=JOBSET)
    assert job["kind"] == "Job"


@pytest.mark.parametrize("pipeline", ["p" * 52, "7" + "p" * 51])
def test_hosts_and_services_of_the_longest_names_are_valid(pipeline):
    run = a_run()
    run["metadata"]["name"] = f"{pipeline}-01234567"
    name = job_name(run, "preprocess")
    assert len(f"{name}-node-0-255") <= 63
    assert len(subdomain_of(name)) <= 63
    assert subdomain_of(name)[0].isalpha()


@pytest.mark.parametrize("apis", [KUEUE, KUEUE | JOBSET])
def test_where_kueue_is_installed_the_work_waits_in_its_queue(apis):
    *_, found = work(apis=apis, queue={"name": "ml"})
    assert found["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "ml"
    assert found["spec"]["suspend"] is True
    template = found["spec"].get("template") or found["spec"]["replicatedJobs"][0]["template"]
    assert "kueue.x-k8s.io/queue-name" not in template["metadata"]["labels"]


@pytest.mark.parametrize(
    ("apis", "spec"), [(frozenset(), {"queue": {"name": "ml"}}), (KUEUE, {}), (JOBSET, {})]
)
def test_without_kueue_or_without_a_queue_nothing_is_suspended(apis, spec):
    *_, found = work(apis=apis, **spec)
    assert "suspend" not in found["spec"]
    assert "kueue.x-k8s.io/queue-name" not in found["metadata"]["labels"]
