"""One version replaces another, or fails to: plan/rollout.py and plan/served.py."""

from __future__ import annotations

import pytest

from forebay.plan.modeldeployment import plan
from forebay_workloads.contract import Result
from tests.unit.plan_serving.world import (
    World,
    condition,
    datastore,
    model_deployment,
    model_version,
    text,
    words,
)


def serving(strategy: str = "Rolling", replicas: int = 1) -> World:
    """v1 serves; v2 has just become Production."""
    spec = {"rollout": {"strategy": strategy}, "replicas": {"min": replicas}}
    world = World(model_deployment(**spec), [datastore(), model_version(1, "Production")], plan)
    world.step()
    world.ready("movies-v1", replicas)
    world.step()
    world.events.clear()
    promote(world, 2, 1)
    return world


def promote(world: World, new: int, old: int) -> None:
    world.put(model_version(new, "Production"), model_version(old, "Archived"))


def leads_to(world: World) -> str:
    return world.child("Service")["spec"]["selector"]["forebay.dev/model-version"]


def crashed(reason: str, message: str = "no", code: int = 65):
    return {
        "lastState": {
            "terminated": {
                "exitCode": code,
                "message": Result(reason=reason, message=message).encode(),
            }
        }
    }


FAULTS = {
    "image": ({"state": {"waiting": {"reason": "ImagePullBackOff"}}}, {}, "ImagePullFailed"),
    "no load": (crashed("ModelLoadFailed"), {}, "ModelLoadFailed"),
    "digest": (crashed("DigestMismatch"), {}, "DigestMismatch"),
    "signature": (crashed("SignatureInvalid"), {}, "SignatureInvalid"),
    "memory": (
        {"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}},
        {},
        "OOMKilled",
    ),
    "bug": ({"state": {"terminated": {"exitCode": 42, "message": "Traceback"}}}, {}, "ExitCode"),
    "no node": (
        {},
        {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}],
        },
        "Unschedulable",
    ),
    "no probe": ({"state": {"running": {"startedAt": "2026-01-31T11:00:00Z"}}}, {}, "ProbeFailed"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_F54_a_bad_new_model_keeps_the_old_in_front_and_says_why(name):
    state, status, reason = FAULTS[name]
    world = serving()
    world.step()
    world.pod("movies-v2", state, **status)
    for _ in range(3):
        world.step()
    assert leads_to(world) == "movies-v1"
    assert world.names("Deployment") == ["movies-v1", "movies-v2"]
    assert words(world.status) == ("True", reason)
    assert words(world.status, "RolloutComplete") == ("False", reason)
    assert world.status["stable"]["version"] == "movies-v1"
    assert (world.status["canary"]["version"], world.status["canary"]["reason"]) == (
        "movies-v2",
        reason,
    )
    assert "movies-v1 keeps all traffic" in condition(world.status, "RolloutComplete")["message"]
    assert ("Warning", reason) in [(e.type, e.reason) for e in world.events]


def test_F23_bad_bytes_are_given_up_at_once():
    world = serving()
    world.step()
    world.pod("movies-v2", crashed("DigestMismatch"))
    world.step()
    assert words(world.status, "Stalled") == ("True", "DigestMismatch")
    assert world.status["phase"] == "Degraded"


@pytest.mark.parametrize(("restarts", "stalled"), [(0, "False"), (2, "False"), (3, "True")])
def test_F23_a_model_that_cannot_be_loaded_is_given_up_after_three_restarts(restarts, stalled):
    world = serving()
    world.step()
    world.pod("movies-v2", {**crashed("ModelLoadFailed"), "restartCount": restarts})
    world.step()
    assert words(world.status, "Stalled")[0] == stalled


def test_F23_a_store_that_is_down_is_waited_for():
    world = serving()
    world.step()
    world.pod("movies-v2", {**crashed("StoreUnreachable", code=75), "restartCount": 9})
    world.step()
    assert words(world.status, "Stalled")[0] == "False"
    assert words(world.status) == ("True", "StoreUnreachable")


def test_a_version_that_is_not_ready_in_time_stalls_the_rollout_and_still_may_become_ready():
    world = serving()
    world.step()
    world.step(601)
    assert words(world.status, "Stalled") == ("True", "ProbeFailed")
    assert leads_to(world) == "movies-v1"
    world.ready("movies-v2", 1)
    world.step()
    assert leads_to(world) == "movies-v2"
    assert words(world.status, "Stalled")[0] == "False"


@pytest.mark.parametrize(
    ("message", "reason"),
    [("exceeded quota: team", "QuotaPending"), ("violates PodSecurity", "Forbidden")],
)
def test_pods_that_are_not_let_in_show_why(message, reason):
    world = serving()
    world.step()
    entry = {"type": "ReplicaFailure", "status": "True", "message": message}
    world.child("Deployment", "movies-v2")["status"] = {"conditions": [entry]}
    world.step()
    assert words(world.status) == ("True", reason)


def test_a_first_version_that_fails_leaves_nothing_ready():
    world = World(model_deployment(), [datastore(), model_version(1, "Production")], plan)
    world.step()
    world.pod("movies-v1", crashed("DigestMismatch"))
    world.step()
    assert words(world.status) == ("False", "DigestMismatch")
    assert words(world.status, "Stalled") == ("True", "DigestMismatch")
    assert world.status["phase"] == "Failed"
    assert "stable" not in world.status


def test_a_version_that_never_served_makes_room_for_the_next_at_once():
    world = World(model_deployment(), [datastore(), model_version(1, "Production")], plan)
    world.step()
    world.pod("movies-v1", crashed("DigestMismatch"))
    world.step()
    promote(world, 2, 1)
    world.step()
    assert world.names("Deployment") == ["movies-v2"]
    assert leads_to(world) == "movies-v2"


@pytest.mark.parametrize("strategy", ["Rolling", "Canary"])
def test_the_traffic_changes_over_only_when_all_replicas_of_the_new_version_answered(strategy):
    world = serving(strategy, replicas=2)
    world.step()
    assert leads_to(world) == "movies-v1"
    assert words(world.status) == ("True", "Progressing")
    world.ready("movies-v2", 1)
    world.step()
    assert leads_to(world) == "movies-v1"
    assert world.names("Deployment") == ["movies-v1", "movies-v2"]
    world.ready("movies-v2", 2)
    world.step()
    assert leads_to(world) == "movies-v2"
    assert world.names("Deployment") == ["movies-v2"]
    assert world.status["stable"]["version"] == "movies-v2"
    assert words(world.status) == ("True", "Serving")
    assert [n.rsplit("-", 1)[0] for n in world.names("ConfigMap")] == ["movies-v2"]


def test_the_new_version_is_not_believed_before_its_controller_has_seen_the_newest_template():
    world = serving()
    world.step()
    world.ready("movies-v2", 1)
    world.child("Deployment", "movies-v2")["metadata"]["generation"] = 2
    world.step()
    assert leads_to(world) == "movies-v1"


def test_pods_of_an_older_template_do_not_count():
    world = serving()
    world.step()
    world.ready("movies-v2", 1)
    world.child("Deployment", "movies-v2")["status"] |= {"replicas": 2, "updatedReplicas": 1}
    world.step()
    assert leads_to(world) == "movies-v1"


@pytest.mark.parametrize("strategy", ["Rolling", "Recreate"])
def test_going_back_to_the_older_version_is_a_rollout_like_any_other(strategy):
    world = serving(strategy)
    world.settle()
    world.ready("movies-v2", 1)
    world.step()
    assert leads_to(world) == "movies-v2"
    promote(world, 1, 2)
    world.settle()
    world.ready("movies-v1", 1)
    world.step()
    assert leads_to(world) == "movies-v1"
    assert world.names("Deployment") == ["movies-v1"]
    assert world.status["stable"]["version"] == "movies-v1"
    assert words(world.status) == ("True", "Serving")


def test_going_back_in_the_middle_of_a_rollout_takes_the_new_version_away():
    world = serving()
    world.step()
    promote(world, 1, 2)
    world.step()
    assert world.names("Deployment") == ["movies-v1"]
    assert words(world.status) == ("True", "Serving")
    assert "canary" not in world.status


def test_a_third_version_replaces_the_one_that_was_on_its_way():
    world = serving()
    world.step()
    promote(world, 3, 2)
    world.step()
    assert world.names("Deployment") == ["movies-v1", "movies-v3"]
    assert leads_to(world) == "movies-v1"


def test_recreate_stops_the_old_version_before_the_new_one_starts():
    world = serving("Recreate")
    lingering = world.pod("movies-v1")
    world.step()
    assert world.names("Deployment") == []
    assert words(world.status) == ("False", "Progressing")
    world.step()
    assert world.names("Deployment") == []
    world.no_pods()
    assert lingering
    world.step()
    assert world.names("Deployment") == ["movies-v2"]
    world.ready("movies-v2", 1)
    world.step()
    assert world.status["stable"]["version"] == "movies-v2"
    assert words(world.status) == ("True", "Serving")


def test_recreate_does_not_stop_the_old_version_for_one_that_cannot_be_started():
    world = serving("Recreate")
    world.put(model_version(2, "Production", store="nowhere"))
    world.step()
    assert world.names("Deployment") == ["movies-v1"]
    assert words(world.status) == ("True", "ReferenceMissing")
    assert "movies-v1 keeps all traffic" in condition(world.status, "Ready")["message"]


def test_a_version_whose_record_was_deleted_goes_on_serving():
    world = serving()
    world.put(model_version(1, "Archived"), model_version(2, "Staging"))
    world.step()
    assert world.names("Deployment") == ["movies-v1"]
    assert words(world.status) == ("True", "ReferenceMissing")
    assert world.status["stable"]["version"] == "movies-v1"


def test_F69_children_that_somebody_deleted_come_back():
    world = serving()
    promote(world, 1, 2)
    world.children.clear()
    world.settle(2)
    assert world.names("Deployment") == ["movies-v1"]
    assert world.names("Service") == ["movies"]
    assert len(world.names("ConfigMap")) == 1


def test_F69_the_old_version_comes_back_when_it_is_deleted_in_the_middle_of_a_rollout():
    world = serving()
    world.step()
    world.children = {r: o for r, o in world.children.items() if r.name != "movies-v1"}
    world.step()
    assert world.names("Deployment") == ["movies-v1", "movies-v2"]
    assert leads_to(world) == "movies-v1"


def test_F69_a_deleted_service_does_not_change_which_version_is_the_old_one():
    world = serving()
    world.step()
    world.children = {r: o for r, o in world.children.items() if r.kind.kind != "Service"}
    world.step()
    assert leads_to(world) == "movies-v1"


def test_F63_a_foreign_status_does_not_count_as_a_version_that_serves():
    world = World(model_deployment(), [datastore(), model_version(1, "Production")], plan)
    world.object["status"] = {"stable": {"version": "movies-v7", "ready": 4}}
    world.step()
    assert leads_to(world) == "movies-v1"
    assert "stable" not in world.status


def test_a_serving_version_whose_pod_dies_is_not_ready_and_never_stalled():
    world = serving()
    promote(world, 1, 2)
    world.step(3600)
    world.ready("movies-v1", 0)
    world.pod("movies-v1", {**crashed("ModelLoadFailed"), "restartCount": 9})
    world.step()
    assert words(world.status) == ("False", "ModelLoadFailed")
    assert words(world.status, "Stalled")[0] == "False"
    assert world.status["stable"]["version"] == "movies-v1"


def test_a_serving_version_that_is_scaled_out_long_after_its_start_is_not_late():
    world = serving()
    promote(world, 1, 2)
    world.step(3600)
    world.edit(replicas={"min": 2})
    world.settle(2)
    assert words(world.status) == ("False", "Progressing")
    assert words(world.status, "Stalled")[0] == "False"


def test_pods_that_answer_or_are_on_their_way_out_are_no_fault():
    world = serving()
    world.step()
    answered = [{"type": "Ready", "status": "True"}]
    world.pod("movies-v2", crashed("OOMKilled"), conditions=answered)
    world.pod("movies-v2", crashed("OOMKilled"))["metadata"]["deletionTimestamp"] = text(world.now)
    world.pod("movies-v2", {"state": {"running": {"startedAt": text(world.now)}}})
    world.step()
    assert words(world.status) == ("True", "Progressing")
