"""Tables and documents of `forebay get`, `describe` and `events`."""

import json
from datetime import UTC, datetime

import pytest
import yaml

from forebay.cli import describe, get
from forebay.kube.port import DEPLOYMENT, PIPELINE, RUN
from tests.unit.cli import state as s

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
CREATED = "2026-03-01T11:48:00Z"
READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Ready",
    "message": "",
    "lastTransitionTime": CREATED,
}
RUNNING = {
    "phase": "Running",
    "modelVersion": "movies-v1",
    "progress": {"text": "62% train 3m"},
    "conditions": [
        {**READY, "status": "Unknown", "reason": "Running", "message": "train is running"}
    ],
    "stages": [
        {
            "name": "preprocess",
            "state": "Succeeded",
            "startTime": "2026-03-01T11:48:00Z",
            "completionTime": "2026-03-01T11:48:09Z",
            "counts": {"train": 80000, "test": 20000},
        },
        {
            "name": "train",
            "state": "Running",
            "startTime": "2026-03-01T11:55:00Z",
            "message": "epoch 3",
        },
        {"name": "predict", "state": "Skipped", "reason": "Skipped"},
    ],
}
SERVED = {
    "conditions": [READY],
    "phase": "Ready",
    "stable": {"version": "movies-v1"},
    "url": "http://127.0.0.1:3000",
}


def made(obj, name=None):
    obj["metadata"] |= {"namespace": "default", "creationTimestamp": CREATED, "uid": "u1"}
    return obj


GOLDEN = """\
NAME                                           READY     PHASE     PROGRESS       MODEL       REASON    AGE
pipelinerun.forebay.dev/movies-11111111        Unknown   Running   62% train 3m   movies-v1   Running   12m

NAME                                 READY   PHASE   STABLE      CANARY   URL                     REASON   AGE
modeldeployment.forebay.dev/movies   True    Ready   movies-v1   -        http://127.0.0.1:3000   Ready    12m"""


def squeezed(text):
    """Without the widths of columns: they follow the longest cell."""
    return [line.split("   ") for line in text.splitlines()]


def cells(text):
    return [
        [cell.strip() for cell in line.split("   ") if cell.strip()] for line in text.splitlines()
    ]


def test_a_listing_of_all_kinds_reads_as_kubectls():
    found = {
        PIPELINE: [],
        RUN: [made(s.run(status=RUNNING))],
        DEPLOYMENT: [made(s.deployment(status=SERVED))],
    }
    shown = get.tables(found, NOW).replace(get.table.MISSING, "-")
    assert cells(shown) == cells(GOLDEN)
    assert all(not line.endswith(" ") for line in shown.splitlines())


def test_a_listing_of_one_kind_has_plain_names_and_wide_has_more_columns():
    found = {RUN: [made(s.run(status=RUNNING))]}
    assert cells(get.tables(found, NOW))[1][0] == "movies-11111111"
    wide = cells(get.tables(found, NOW, wide=True))
    assert wide[0] == [
        "NAME",
        "READY",
        "PHASE",
        "PROGRESS",
        "MODEL",
        "REASON",
        "PIPELINE",
        "TRIGGER",
        "MESSAGE",
        "AGE",
    ]
    assert wide[1][6:] == ["movies", "spec", "train is running", "12m"]


def test_several_namespaces_get_a_column():
    other = made(s.run())
    other["metadata"]["namespace"] = "shop"
    assert cells(get.tables({RUN: [made(s.run()), other]}, NOW))[0][:2] == ["NAMESPACE", "NAME"]


def test_get_prints_objects_as_they_are(tmp_path):
    s.seed(tmp_path, s.store(), s.pipeline())
    listed = json.loads(s.invoke("get", "dst,nsp", "--state", tmp_path, "-o", "json").stdout)
    assert [item["kind"] for item in listed["items"]] == ["DataStore", "NoSQLPipeline"]
    one = yaml.safe_load(s.invoke("get", "dst/local", "--state", tmp_path, "-o", "yaml").stdout)
    assert one["metadata"]["name"] == "local"
    assert "managedFields" not in one["metadata"]


def test_get_shows_a_table(tmp_path):
    s.seed(tmp_path, s.store())
    result = s.invoke("get", "datastores", "--state", tmp_path)
    assert result.exit_code == 0
    assert cells(result.stdout)[0] == ["NAME", "READY", "TYPE", "REASON", "AGE"]
    assert cells(result.stdout)[1][0] == "local"


def test_an_empty_listing_is_no_error(tmp_path):
    s.seed(tmp_path, s.store())
    result = s.invoke("get", "md", "--state", tmp_path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert "No resources found" in result.stderr
    assert (
        json.loads(s.invoke("get", "md", "--state", tmp_path, "-o", "json").stdout)["items"] == []
    )


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["get", "md", "nothing"], 1, 'Error: modeldeployments "nothing" not found'),
        (["get", "forebay", "nothing"], 1, 'Error: nothing is called "nothing"'),
        (["get", "gadgets"], 2, "Error: there is no kind 'gadgets'"),
        (["describe", "md"], 2, "Error: describe needs a name"),
        (["describe", "forebay", "x"], 2, "names 5 kinds"),
        (["logs", "nothing"], 1, 'Error: pipelineruns "nothing" not found'),
        (["report", "movies"], 1, "Error: pipeline 'movies' has no run yet"),
        (["events", "--for", "nsr"], 2, "write KIND/NAME"),
        (["delete", "dst"], 2, "delete needs KIND and NAME"),
        (["delete", "dst", "nothing"], 1, 'datastores "nothing" not found'),
        (["delete", "dst", "-f", "x.yaml"], 2, "not both"),
    ],
)
def test_a_mistake_is_one_clear_line(tmp_path, arguments, code, message):
    s.seed(tmp_path, s.store(), s.pipeline())
    result = s.invoke(*arguments, "--state", tmp_path)
    assert result.exit_code == code, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "command", [["get", "md"], ["logs", "x"], ["events"], ["delete", "md", "x"], ["report", "x"]]
)
def test_a_command_that_looks_makes_no_state(tmp_path, command):
    result = s.invoke(*command, "--state", tmp_path / "none")
    assert result.exit_code == 1
    assert "there is no state in" in result.stderr
    assert not (tmp_path / "none").exists()


def test_debug_shows_the_traceback(tmp_path):
    assert "Traceback" in s.invoke("--debug", "get", "md", "--state", tmp_path / "none").stderr


DESCRIBED = """\
Name:         movies-11111111
Namespace:    default
Kind:         PipelineRun (forebay.dev/v1alpha1)
Age:          12m
Conditions:
  TYPE    STATUS    REASON    SINCE   MESSAGE
  Ready   Unknown   Running   12m     train is running
Stages:
  STAGE        STATE       TOOK   ROWS                         REASON    MESSAGE
  preprocess   Succeeded   9s     80,000 train / 20,000 test   -         -
  train        Running     5m     -                            -         epoch 3
  predict      Skipped     -      -                            Skipped   -
Status:
  phase: Running
  modelVersion: movies-v1
  progress:
    text: 62% train 3m
Spec:
"""


def test_a_description_has_conditions_stages_and_events():
    run = made(s.run(status=RUNNING))
    events = [s.event(run, "Running", "train started", seen="2026-03-01T11:59:00Z")]
    text = describe.text(run, events, NOW).replace(get.table.MISSING, "-")
    assert text.startswith(DESCRIBED)
    assert text.endswith(
        "Events:\n  LAST SEEN   TYPE     REASON    MESSAGE\n  60s         Normal   Running   train started"
    )


def test_describe_finds_the_objects_own_events(tmp_path):
    run, other = s.seed(tmp_path, s.run(status=RUNNING), s.run("movies-22222222"))
    s.seed(tmp_path, s.event(run, "Running", "mine"), s.event(other, "Running", "not mine"))
    shown = s.invoke("describe", "nsr", "movies-11111111", "--state", tmp_path)
    assert shown.exit_code == 0, shown.stderr
    assert "mine" in shown.stdout
    assert "not mine" not in shown.stdout


def test_events_are_listed_oldest_first(tmp_path):
    (run,) = s.seed(tmp_path, s.run())
    s.seed(
        tmp_path,
        s.event(
            run, "Failed", "second", seen="2026-03-01T12:00:01Z", kind="Warning", number=1, count=3
        ),
        s.event(run, "Running", "first", number=2),
    )
    lines = s.invoke("events", "--state", tmp_path).stdout.splitlines()
    assert ["first" in lines[1], "second" in lines[2], "(x3)" in lines[2]] == [True, True, True]
    assert "pipelinerun/movies-11111111" in lines[1]
    assert "first" in s.invoke("events", "--for", "nsr/movies-11111111", "--state", tmp_path).stdout
