"""When what was applied is done, and how a served model stands."""

import pytest

from forebay.cli import targets
from tests.unit.cli import state as s


def pipeline(generation=2, annotations=None, status=None, **spec):
    made = s.pipeline(**spec)
    made["metadata"] |= {
        "namespace": "default",
        "generation": generation,
        "annotations": annotations or {},
    }
    made["status"] = {"observedGeneration": 2, **(status or {})}
    return made


def run(phase, pipeline_name="movies", namespace="default"):
    made = s.run(status={"phase": phase} if phase else None, pipeline_name=pipeline_name)
    made["metadata"]["namespace"] = namespace
    return made


ASKED = {"triggers": [{"name": ".annotation", "key": "now"}]}


@pytest.mark.parametrize(
    ("obj", "asked", "runs", "done"),
    [
        (pipeline(), None, [run("Succeeded")], True),
        (pipeline(), None, [], True),
        (pipeline(generation=3), None, [run("Succeeded")], False),
        (pipeline(), None, [run("Running")], False),
        (pipeline(), None, [run(None)], False),
        (pipeline(), None, [run("Running", pipeline_name="other")], True),
        (pipeline(), None, [run("Running", namespace="shop")], True),
        (pipeline(), None, [run("Suspended")], True),
        (pipeline(status={"active": ["movies-1"]}), None, [run("Failed")], False),
        (pipeline(status={"lastRun": {"phase": "Pending"}}), None, [], False),
        (pipeline(), "now", [run("Succeeded")], False),
        (pipeline(status=ASKED), "now", [run("Succeeded")], True),
        (pipeline(suspend=True), "now", [], True),
        (
            pipeline(generation=3, annotations={"forebay.dev/reconcile": "paused"}),
            None,
            [run("Running")],
            True,
        ),
    ],
    ids=[
        "its run is over",
        "it started none",
        "its spec is newer than its status",
        "a run is active",
        "a run has no status yet",
        "another pipeline's run is active",
        "a run of another namespace is active",
        "its run is suspended",
        "its status has not seen the end of the run",
        "its new run is not listed yet",
        "the run that was asked for is not made yet",
        "the run that was asked for is over",
        "it is suspended",
        "it is paused",
    ],
)
def test_a_pipeline_is_done_when(obj, asked, runs, done):
    assert targets.pipeline_done(obj, asked, runs) is done


def deployment(ready, reason="Serving", generation=1, model=None, **other):
    conditions = [{"type": "Ready", "status": ready, "reason": reason, "message": "why"}]
    conditions += [{"type": kind, "status": status} for kind, status in other.items()]
    made = s.deployment(model=model)
    made["metadata"] |= {"namespace": "default", "generation": generation}
    made["status"] = {
        "observedGeneration": 1,
        "conditions": conditions,
        "url": "http://x",
        "stable": {"version": "movies-v1"},
    }
    return made


def version(number="v1", stage="Production", model="movies"):
    labels = {"forebay.dev/stage": stage}
    return {
        "metadata": {"name": f"{model}-{number}", "labels": labels},
        "spec": {"model": model, "version": number},
    }


FIXED = {"name": "movies", "version": "v2"}


@pytest.mark.parametrize(
    ("obj", "versions", "state"),
    [
        (deployment("True"), [version()], "ready"),
        (deployment("True", Reconciling="True"), [version()], "pending"),
        (deployment("True", generation=2), [version()], "pending"),
        (deployment("Unknown", "Pending"), [version()], "pending"),
        (deployment("False", "ReferenceMissing"), [], "waiting"),
        (deployment("False", "ReferenceMissing"), [version(stage="Staging"), version(model="other")], "waiting"),
        (deployment("False", "ReferenceMissing", model=FIXED), [version()], "failed"),
        (deployment("False", "Progressing", model=FIXED), [version("v2", "Archived")], "pending"),
        (deployment("False", "SecretMissing", Reconciling="True"), [version()], "failed"),
        (deployment("False", "ModelLoadFailed", Stalled="True"), [version()], "failed"),
    ],
    ids=[
        "ready", "rolling out", "its spec is newer than its status", "not seen yet", "its model has no version",
        "no version has its stage", "its version does not exist", "its version is starting", "a secret is missing",
        "its version does not start",
    ],
)  # fmt: skip
def test_a_served_model_stands_as(obj, versions, state):
    found = targets.served(obj, versions)
    assert (found.state, found.url, found.version) == (state, "http://x", "movies-v1")


@pytest.mark.parametrize(
    ("spec", "alone"),
    [
        ({}, True),
        ({"schedule": "0 3 * * *"}, False),
        ({"triggers": [{"name": "x"}]}, False),
        ({"suspend": True}, False),
    ],
)
def test_a_pipeline_starts_by_itself_unless_something_else_starts_it(spec, alone):
    assert targets.starts_by_itself(pipeline(**spec)) is alone
