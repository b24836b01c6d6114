"""Objects that a newer version of the kinds stored, with fields that this one does not know."""

import copy

import pytest

from forebay.plan import datastore, modeldeployment, modelversion
from tests.unit.plan_serving.world import (
    World,
    cassandra,
    model_deployment,
    model_version,
    secret,
    words,
)
from tests.unit.plan_serving.world import datastore as embedded

CASES = {
    "a store": (cassandra, [secret("shop-user")], datastore.plan),
    "a version": (lambda: model_version(1, "Production"), [], modelversion.plan),
    "a served model": (
        model_deployment,
        [model_version(1, "Production"), embedded()],
        modeldeployment.plan,
    ),
}


def settled(obj, related, plan):
    """What is there after some passes: status and children."""
    world = World(obj, copy.deepcopy(related), plan)
    for _ in range(3):
        world.step()
    return world


@pytest.mark.parametrize("case", CASES)
def test_F12_fields_of_a_newer_version_change_nothing(case):
    make, related, plan = CASES[case]
    newer = make()
    newer["spec"]["ofTomorrow"] = {"deep": [{"a": 1}]}
    newer["status"] = {"ofTomorrow": "x"}
    found, usual = settled(newer, related, plan), settled(make(), related, plan)
    assert words(found.status) == words(usual.status)
    for kind in ("Job", "Deployment", "Service"):
        assert len(found.names(kind)) == len(usual.names(kind))
