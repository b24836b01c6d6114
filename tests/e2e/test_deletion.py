"""Deleting at any moment leaves nothing behind and nothing hanging."""

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import stays, until
from tests.e2e.kit.watching import first_run, phase, runs, shown, stages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def leftovers(api, namespace):
    """Everything that a pipeline makes and that must go with it."""
    kinds = ("pipelineruns", "jobs", "pods")
    found = {kind: [o["metadata"]["name"] for o in api.list(kind, namespace)] for kind in kinds}
    configs = api.list("configmaps", namespace, "app.kubernetes.io/managed-by=forebay")
    found["configmaps"] = [c["metadata"]["name"] for c in configs]
    return {k: [n for n in v if "-probe-" not in n] for k, v in found.items() if v}


def test_F68_a_pipeline_deleted_in_each_phase_takes_all_its_children(kubectl, api, project):
    """One pipeline for each stage; each is deleted as soon as that stage has been started."""
    for stage in ("ingest", "preprocess", "train", "evaluate", "publish", "predict", "report"):
        name = f"until-{stage}"
        kubectl.apply([objects.full(name), objects.served(name)], project)

        def begun(name=name, stage=stage):
            found = runs(api, project, name)
            return found and stages(found[-1]).get(stage, {}).get("startTime")

        until(begun, 120, f"{stage} has begun", lambda: shown(api, project))
        kubectl("delete", "-n", project, "--timeout=20s", f"nsp/{name}", f"md/{name}")
        until(
            lambda: not any(leftovers(api, project).values()),
            60,
            f"nothing is left of {name}",
            lambda: leftovers(api, project),
        )


def test_F68_a_pipeline_deleted_and_made_again_starts_anew(kubectl, api, project):
    kubectl.apply([objects.ingest_only()], project)
    old = first_run(api, project)["metadata"]["uid"]
    kubectl("delete", "nsp", "rows", "-n", project, "--wait=false")
    kubectl.apply([objects.ingest_only()], project)

    def succeeded():
        found = [r for r in runs(api, project) if r["metadata"]["uid"] != old]
        return found and phase(found[-1]) == "Succeeded"

    until(succeeded, 120, "a run of the new pipeline succeeds", lambda: shown(api, project))
    assert old not in {r["metadata"]["uid"] for r in runs(api, project)}


def test_a_namespace_goes_with_a_run_inside(kubectl, api, project):
    kubectl.apply([objects.train_only(params=objects.LONG), objects.served()], project)
    until(
        lambda: stages(first_run(api, project)).get("train", {}).get("state") == "Running",
        120,
        "the training runs",
        lambda: shown(api, project),
    )
    kubectl("delete", "namespace", project, "--timeout=120s")
    stays(lambda: api.get("namespaces", project) is None, 3, "the namespace is gone")
