"""What an installed operator shows of itself and of its runs: signs of life, log, metrics, progress, refused pods."""

import json

import pytest

from tests.e2e.kit import objects
from tests.e2e.kit.operator import NAMESPACE
from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import first_run, shown, stages

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]
ABOUT = ("kind", "namespace", "object", "uid", "generation")


def ask(api, port, path):
    """HTTP status and text of one of the operator's own ports, through the API server."""
    service = f"api/v1/namespaces/{NAMESPACE}/services/forebay-metrics:{port}"
    return api.call("GET", f"{service}/proxy{path}")


def test_the_heartbeat_is_written_heard_and_shown(api, operator):
    def beat():
        return api.get("configmaps", "forebay-heartbeat", NAMESPACE)["data"]["beat"]

    code, text = ask(api, "health", "/readyz")
    assert (code, "watch ok" in text, "heard ok" in text) == (200, True, True)
    before = beat()
    until(lambda: beat() != before, 45, "the heart beats", beat)
    assert ask(api, "health", "/healthz")[0] == 200


def test_each_line_of_the_log_is_json_and_a_pass_says_what_it_is_about(
    kubectl, api, operator, project
):
    kubectl.apply([objects.ingest_only()], project)
    until(lambda: condition(first_run(api, project)).get("status") == "True", 120, "the run ends")
    lines = [json.loads(line) for line in operator.logs().splitlines()]
    assert all({"event", "level", "logger", "time"} <= line.keys() for line in lines)
    states = [line for line in lines if line["event"] == "state" and line["namespace"] == project]
    assert {line["kind"] for line in states} >= {"DataStore", "NoSQLPipeline", "PipelineRun"}
    for line in states:
        assert all(line[name] for name in ABOUT)
        assert line["reason"]
    code, text = ask(api, "metrics", "/metrics")
    assert code == 200
    assert 'forebay_stage_outcomes_total{reason="Succeeded",stage="ingest"}' in text
    assert project not in text


def test_a_running_stage_tells_how_far_it_is(kubectl, api, project):
    kubectl.apply([objects.train_only(params=objects.LONG)], project)

    def progress():
        found = (first_run(api, project) or {}).get("status", {}).get("progress") or {}
        return found if found.get("step") == "train" and "lastUpdate" in found else None

    told = until(progress, 120, "progress of train", lambda: shown(api, project))
    assert told["text"].endswith("train") or "train " in told["text"]


def test_a_full_quota_is_told_and_the_run_goes_on_when_there_is_room(kubectl, api, project):
    quota = {"metadata": {"name": "full"}, "spec": {"hard": {"pods": "0"}}}
    kubectl.apply([{"apiVersion": "v1", "kind": "ResourceQuota", **quota}], project)
    kubectl.apply([objects.ingest_only()], project)

    def ingest():
        return stages(first_run(api, project) or {}).get("ingest", {})

    until(
        lambda: ingest().get("reason") == "QuotaPending",
        60,
        "the quota is the reason",
        lambda: shown(api, project),
    )
    assert "exceeded quota: full" in ingest()["message"]
    kubectl("delete", "resourcequota", "full", "-n", project)
    until(lambda: ingest().get("state") == "Succeeded", 120, "ingest goes on", ingest)
