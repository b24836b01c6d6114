"""Served models in real pods: a new version takes over, old ones go, foreign objects are left alone."""

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import finished, phase, shown

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]


def test_a_new_version_takes_over_and_what_is_beyond_keep_goes(kubectl, api, project):
    pipeline = objects.full()
    pipeline["spec"]["publish"]["keep"] = 1
    kubectl.apply([pipeline, objects.served()], project)
    assert phase(finished(api, project)) == "Succeeded"
    kubectl("wait", "-n", project, "--for=condition=Ready", "--timeout=90s", "md/taste")
    for seed in (2, 3):
        pipeline["spec"]["train"]["params"]["seed"] = str(seed)
        kubectl.apply([pipeline], project)
        name = f"taste-v{seed}"

        def taken_over(name=name):
            stable = api.get("modeldeployments", "taste", project)["status"].get("stable") or {}
            left = [d["metadata"]["name"] for d in api.list("deployments", project)]
            return (stable.get("version"), left) == (name, [name])

        until(taken_over, 180, f"{name} serves, alone", lambda: shown(api, project))
    until(
        lambda: (
            [v["metadata"]["name"] for v in api.list("modelversions", project)]
            == ["taste-v2", "taste-v3"]
        ),
        60,
        "the newest is kept, and the one that served when it was published",
        lambda: [v["metadata"]["name"] for v in api.list("modelversions", project)],
    )
    body = {"inputs": [{"user": "u1", "item": "i1"}]}
    path = f"api/v1/namespaces/{project}/services/taste:http/proxy/predict"
    code, answer = api.call("POST", path, body)
    assert (code, answer["model_version"]) == (200, "taste-v3"), answer


def test_F27_a_service_of_somebody_else_is_left_alone_and_named(kubectl, api, project):
    theirs = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "taste", "labels": {"app": "theirs"}},
        "spec": {"ports": [{"port": 80}], "selector": {"app": "theirs"}},
    }
    kubectl.apply([theirs], project)
    before = api.get("services", "taste", project)
    kubectl.apply([objects.full(), objects.served()], project)

    def told():
        return (
            condition(api.get("modeldeployments", "taste", project)).get("reason") == "NameConflict"
        )

    until(told, 120, "the conflict is the reason", lambda: shown(api, project))
    said = condition(api.get("modeldeployments", "taste", project))["message"]
    assert "taste" in said
    after = api.get("services", "taste", project)
    assert (after["spec"], after["metadata"]["labels"]) == (before["spec"], {"app": "theirs"})
