"""Whatever the plans write: Flux and `helm --wait` read out of it what is so."""

from __future__ import annotations

import pytest

from forebay.api import schema
from tests.component.gitops import kstatus, scenes

MEANT = {
    "NoSQLPipeline": {
        "Pending": kstatus.IN_PROGRESS,
        "Running": kstatus.IN_PROGRESS,
        "Ready": kstatus.CURRENT,
        "Failed": kstatus.FAILED,
    },
    "PipelineRun": {
        "Pending": kstatus.IN_PROGRESS,
        "Running": kstatus.IN_PROGRESS,
        "Suspended": kstatus.IN_PROGRESS,
        "Succeeded": kstatus.CURRENT,
        "Failed": kstatus.FAILED,
    },
    "ModelDeployment": {
        "Pending": kstatus.IN_PROGRESS,
        "RollingOut": kstatus.IN_PROGRESS,
        "Ready": kstatus.CURRENT,
        "Degraded": kstatus.FAILED,
        "Failed": kstatus.FAILED,
    },
}
LAST = {
    "new": {"DataStore": kstatus.IN_PROGRESS, "NoSQLPipeline": kstatus.IN_PROGRESS},
    "working": {"DataStore": kstatus.CURRENT, "ModelDeployment": kstatus.IN_PROGRESS},
    "refused": {"DataStore": kstatus.FAILED, "NoSQLPipeline": kstatus.FAILED},
    "unreachable": {"DataStore": kstatus.IN_PROGRESS, "PipelineRun": kstatus.IN_PROGRESS},
    "suspended": {"NoSQLPipeline": kstatus.CURRENT},
    "held": {"NoSQLPipeline": kstatus.IN_PROGRESS},
    "mislabelled": {"ModelVersion": kstatus.FAILED},
    "stuck": {"ModelDeployment": kstatus.FAILED},
    "done": dict.fromkeys(
        ("DataStore", "NoSQLPipeline", "PipelineRun", "ModelVersion", "ModelDeployment"),
        kstatus.CURRENT,
    ),
    "paused": dict.fromkeys(
        ("DataStore", "NoSQLPipeline", "PipelineRun", "ModelVersion", "ModelDeployment"),
        kstatus.CURRENT,
    ),
}
PHASES = {(kind, phase) for kind, phases in MEANT.items() for phase in phases}
NOT_PLAYED = {("NoSQLPipeline", "Pending"), ("ModelDeployment", "Failed")}


def phases_of(obj):
    return obj["kind"], obj["status"].get("phase")


@pytest.mark.parametrize("scene", [scene.__name__ for scene in scenes.SCENES])
def test_every_status_that_was_written_means_the_same_to_others(seen, scene):
    assert seen[scene]
    for obj in seen[scene]:
        kind, phase = phases_of(obj)
        if phase in MEANT.get(kind, {}):
            assert kstatus.of(obj) == MEANT[kind][phase], obj["status"]


@pytest.mark.parametrize("scene", [scene.__name__ for scene in scenes.SCENES])
def test_every_status_names_its_generation_and_all_three_conditions_from_the_first_write_on(
    seen, scene
):
    for obj in seen[scene]:
        status = obj["status"]
        assert status["observedGeneration"] == obj["metadata"]["generation"]
        kinds = [c["type"] for c in status["conditions"]]
        assert {"Ready", "Reconciling", "Stalled"} <= set(kinds)
        assert len(kinds) == len(set(kinds))
        both = {c["type"]: c["status"] for c in status["conditions"]}
        assert (both["Reconciling"], both["Stalled"]) != ("True", "True")


@pytest.mark.parametrize("scene", LAST)
def test_a_scene_ends_as_its_name_says(played, scene):
    found = {kind: kstatus.of(played[scene][kind]) for kind in LAST[scene]}
    assert found == LAST[scene]


def test_a_changed_spec_is_in_progress_until_the_operator_has_seen_it(played):
    for obj in played["done"].values():
        meta = {**obj["metadata"], "generation": obj["metadata"]["generation"] + 1}
        assert kstatus.of({**obj, "metadata": meta}) == kstatus.IN_PROGRESS


def test_all_phases_were_seen(seen):
    met = {phases_of(obj) for objects in seen.values() for obj in objects}
    assert met >= PHASES - NOT_PLAYED


def test_all_that_was_seen_keeps_the_schema_of_its_crd(seen):
    for objects in seen.values():
        for obj in objects:
            assert schema.validate(obj) == [], obj
