"""A ModelVersion's status repeats its label and nothing else."""

from __future__ import annotations

import pytest

from forebay.plan.modelversion import plan
from tests.unit.plan_serving.world import SETTINGS, model_version, observed, words


@pytest.mark.parametrize("stage", ["Production", "Staging", "Archived"])
def test_a_version_shows_the_stage_of_its_label(stage):
    status = plan(observed(model_version(3, stage)), SETTINGS).status
    assert status["stage"] == stage
    assert words(status) == ("True", "Published")


def test_a_version_without_a_stage_is_ready_as_well():
    status = plan(observed(model_version(3)), SETTINGS).status
    assert "stage" not in status
    assert words(status) == ("True", "Published")


def test_an_unknown_stage_is_refused_with_the_known_ones():
    status = plan(observed(model_version(3, "Prod")), SETTINGS).status
    assert words(status, "Stalled") == ("True", "InvalidSpec")
    assert "Production, Staging, Archived" in status["conditions"][0]["message"]


def test_a_version_has_no_children_and_wakes_nobody():
    made = plan(observed(model_version(3)), SETTINGS)
    assert (made.apply, made.delete, made.requeue_after) == ((), (), None)


def test_a_paused_version_says_so():
    version = model_version(3, "Staging")
    version["metadata"]["annotations"] = {"forebay.dev/reconcile": "paused"}
    assert words(plan(observed(version), SETTINGS).status) == ("Unknown", "ReconcilePaused")


def test_a_version_that_is_being_deleted_is_left_alone():
    version = model_version(3)
    version["metadata"]["deletionTimestamp"] = "2026-01-31T12:00:00Z"
    assert plan(observed(version), SETTINGS).status is None
