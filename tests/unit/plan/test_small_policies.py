from datetime import UTC, datetime

import pytest

from forebay.plan.progress import progress_status
from forebay.plan.results import as_text
from forebay.plan.retention import seconds_to_live, surplus_runs, surplus_versions
from forebay.plan.stages import StageRecord, main_count
from forebay.plan.trigger import Handled, spec_key
from forebay.plan.unsupported import unsupported
from forebay.reconcile.statusdiff import seconds_to_write
from forebay_workloads.contract import Progress
from tests.component.reconcile.cluster import own

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def a_run(number, phase):
    status = {"phase": phase, "completionTime": f"2026-01-31T11:{number:02}:00Z"}
    meta = {"creationTimestamp": f"2026-01-31T10:{number:02}:00Z"}
    return {**own("PipelineRun", f"r{number}", {}, **meta), "status": status}


def test_the_oldest_finished_runs_go_and_active_ones_never():
    runs = [
        a_run(n, p) for n, p in enumerate(["Succeeded", "Failed", "Succeeded", "Running", "Failed"])
    ]
    assert [r.name for r in surplus_runs(runs, 1, 1)] == ["r0", "r1"]
    assert surplus_runs(runs, 9, 9) == []


@pytest.mark.parametrize(("ttl", "left"), [(None, None), (3600, 60.0), (10, 0.0)])
def test_a_finished_run_lives_for_its_ttl(ttl, left):
    assert seconds_to_live(a_run(1, "Succeeded"), ttl, NOW) == left
    assert seconds_to_live({"metadata": {}}, ttl, NOW) is None


def test_versions_beyond_keep_go_but_not_the_one_in_production():
    def version(number, stage=None):
        labels = {"forebay.dev/stage": stage} if stage else {}
        return own("ModelVersion", f"m-v{number}", {"version": f"v{number}"}, labels=labels)

    found = [version(1, "Production"), version(2), version(3), version(10)]
    assert [r.name for r in surplus_versions(found, 2, spared="m-v10")] == ["m-v2", "m-v3"]
    assert surplus_versions(found, 4, spared="m-v10") == []


@pytest.mark.parametrize(
    ("counts", "shown"),
    [({}, None), ({"read": 3}, 3), ({"read": 3, "written": 2}, 2), ({"train": 8, "test": 2}, 10)],
)
def test_one_number_of_rows_is_shown(counts, shown):
    assert main_count(counts) == shown


def test_a_stage_record_survives_the_way_through_the_status():
    record = StageRecord("train").waiting("Running", "Running", "m")
    ended = record.ended("Succeeded", "t", "Succeeded", "done", {"read": 1})
    assert StageRecord.from_status(ended.to_status()) == ended
    assert ended.start == "t"


def test_progress_is_whole_numbers_in_bounds_and_a_short_text():
    made = progress_status(
        Progress(
            "train",
            percent=120.0,
            eta_seconds=7300.0,
            rows_per_second=1.6,
            metrics={"loss": 0.123456789},
        ),
        "t",
    )
    assert (made["percent"], made["text"], made["rowsPerSecond"]) == (100, "100% train 2h", 2)
    assert made["metrics"] == [{"name": "loss", "value": "0.123457"}]
    odd = progress_status(Progress("ingest", percent=float("nan"), eta_seconds=5), "t")
    assert (odd["text"], "percent" in odd) == ("ingest 5s", False)
    assert progress_status(Progress("x"), "t")["text"] == "x"


def test_metrics_are_text_of_six_digits():
    assert as_text({"b": 0.91123456, "a": 1.0}) == {"a": "1", "b": "0.911235"}


@pytest.mark.parametrize(
    ("spec", "plane", "field"),
    [
        ({"triggers": [{"name": "rows", "newData": {}}]}, "cluster", "spec.triggers"),
        (
            {"ingest": {"schemaPolicy": {"newField": "Evolve"}}},
            "cluster",
            "spec.ingest.schemaPolicy",
        ),
        (
            {"ingest": {"delivery": {"guarantee": "EffectivelyOnce"}}},
            "cluster",
            "spec.ingest.delivery.guarantee",
        ),
        ({"preprocess": {"engine": "spark"}}, "cluster", "spec.preprocess.engine"),
        ({"queue": {"name": "ml"}}, "embedded", "spec.queue"),
        ({"train": {"accelerator": {"count": 1}}}, "embedded", "spec.train.accelerator"),
        ({"decide": {"actions": []}}, "cluster", "spec.decide"),
        ({"train": {"image": "x"}}, "embedded", "spec.train.image"),
    ],
)
def test_a_field_that_cannot_be_honoured_is_named(spec, plane, field):
    (said,) = unsupported("NoSQLPipeline", spec, plane)
    assert said.startswith(f"{field} is not supported here: ")


def test_fields_that_are_honoured_or_at_their_default_are_not_named():
    spec = {
        "triggers": [], "ingest": {"mode": "batch"}, "preprocess": {"engine": "duckdb"},
        "train": {"nodes": 2, "image": "x", "podTemplate": {"a": 1}, "accelerator": {"sharing": "MPS"}},
        "queue": {"name": "ml"},
        "deploy": {"policy": "Immediate"},
    }  # fmt: skip
    assert unsupported("NoSQLPipeline", spec, "cluster") == []
    assert unsupported("Other", spec, "cluster") == []


def test_a_change_of_the_way_runs_are_started_is_no_change_of_the_run():
    def key(generation, **spec):
        return spec_key(
            own("NoSQLPipeline", "p", {"train": {"a": 1}, **spec}, generation=generation)
        )

    assert key(1).split(".")[1] == key(2, suspend=True, schedule="* * * * *").split(".")[1]
    assert key(1).split(".")[1] != key(1, train={"a": 2}).split(".")[1]


def test_handled_keys_survive_the_way_through_the_status():
    handled = Handled().with_key("spec", "1.a").with_key("schedule", "t")
    status = {"triggers": [*handled.to_status(), {"name": "rows", "key": "x"}]}
    assert Handled.of(status) == handled


def progressing(percent, at, **more):
    return {"phase": "Running", "progress": {"percent": percent, "lastUpdate": at}, **more}


@pytest.mark.parametrize(
    ("old", "new", "wait"),
    [
        ({}, {"phase": "Pending"}, 0.0),
        ({"phase": "A"}, {"phase": "A"}, None),
        (progressing(1, "2026-01-31T11:59:58Z"), progressing(1, "2026-01-31T12:00:00Z"), None),
        (progressing(1, "2026-01-31T11:59:58Z"), progressing(2, "2026-01-31T12:00:00Z"), 3.0),
        (progressing(1, "2026-01-31T11:59:50Z"), progressing(2, "2026-01-31T12:00:00Z"), 0.0),
        ({"phase": "Running"}, progressing(2, "2026-01-31T12:00:00Z"), 0.0),
        ({"phase": "Running", "progress": {"text": "train"}}, progressing(2, "2026-01-31T12:00:00Z"), 0.0),
        ({"ingest": {"lag": 1, "lastUpdate": "2026-01-31T11:59:58Z"}}, {"ingest": {"lag": 2}}, 3.0),
        (progressing(1, "2026-01-31T11:59:58Z"), progressing(2, "2026-01-31T12:00:00Z", metrics={"a": "1"}), 0.0),
    ],
)  # fmt: skip
def test_a_status_is_written_when_it_says_something_new(old, new, wait):
    assert seconds_to_write(old, new, NOW, 5.0) == wait


def test_transition_times_and_the_order_of_conditions_are_no_news():
    a = {"type": "Ready", "status": "True", "lastTransitionTime": "1"}
    b = {"type": "Warning", "status": "False", "lastTransitionTime": "1"}
    moved = [{**b, "lastTransitionTime": "2"}, a]
    assert seconds_to_write({"conditions": [a, b]}, {"conditions": moved}, NOW, 5.0) is None
