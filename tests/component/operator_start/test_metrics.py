"""The figures that the operator shows, and the page that lists them."""

import re
from pathlib import Path

from prometheus_client import generate_latest

from forebay.kube.port import DATASTORE, RUN, Ref
from forebay.metrics import ReconcileMetrics

PAGE = Path(__file__).parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(forebay_(?!ingest_)\w+)` \|([^|]*)\| ([^|]+) \|$", re.MULTILINE)
A, B = Ref(RUN, "shop", "a"), Ref(RUN, "shop", "b")


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_the_page_lists_every_figure_with_its_labels_and_its_own_sentence():
    shown = set()
    collectors = set(ReconcileMetrics().registry._names_to_collectors.values())
    for metric in collectors:
        (family,) = metric.describe()
        name = f"{family.name}_total" if family.type == "counter" else family.name
        shown.add((name, ", ".join(metric._labelnames), family.documentation))
    told = {
        (name, labels.strip(), text.strip()) for name, labels, text in ROW.findall(PAGE.read_text())
    }
    assert told == shown


def test_objects_are_counted_by_phase_and_leave_when_they_are_gone():
    metrics = ReconcileMetrics()
    metrics.witness(A, {}, {"phase": "Running"})
    metrics.witness(B, {}, {"phase": "Running"})
    metrics.witness(A, {"phase": "Running"}, {"phase": "Succeeded"})
    metrics.witness(A, {}, {"phase": "Succeeded"})
    metrics.witness(B, {}, None)
    metrics.witness(B, {}, None)
    assert value(metrics, "forebay_objects", kind="PipelineRun", phase="Running") == 0
    assert value(metrics, "forebay_objects", kind="PipelineRun", phase="Succeeded") == 1


def test_what_has_no_phase_is_counted_by_its_conditions():
    metrics = ReconcileMetrics()
    for name, conditions in (
        ("a", {"Ready": "True", "Stalled": "False"}),
        ("b", {"Ready": "False", "Stalled": "True"}),
        ("c", {"Ready": "False", "Reconciling": "True"}),
        ("d", {}),
    ):
        listed = [{"type": kind, "status": status} for kind, status in conditions.items()]
        metrics.witness(Ref(DATASTORE, "shop", name), {}, {"conditions": listed})
    found = {
        phase: value(metrics, "forebay_objects", kind="DataStore", phase=phase)
        for phase in ("Ready", "Stalled", "Progressing")
    }
    assert found == {"Ready": 1, "Stalled": 1, "Progressing": 2}


def test_a_stage_is_counted_once_when_it_ends_and_not_after_a_restart():
    def status(state, reason):
        return {"stages": [{"name": "train", "state": state, "reason": reason}]}

    metrics = ReconcileMetrics()
    metrics.witness(A, status("Running", "Running"), status("Failed", "OOMKilled"))
    metrics.witness(A, status("Failed", "OOMKilled"), status("Failed", "OOMKilled"))
    name = "forebay_stage_outcomes_total"
    assert value(metrics, name, stage="train", reason="OOMKilled") == 1
    restarted = ReconcileMetrics()
    restarted.witness(A, status("Failed", "OOMKilled"), status("Failed", "OOMKilled"))
    assert value(restarted, name, stage="train", reason="OOMKilled") is None


def test_requests_and_reports_are_counted_by_their_answer():
    metrics = ReconcileMetrics()
    metrics.request("PATCH", "409")
    metrics.request("GET", "none")
    metrics.report(429)
    assert value(metrics, "forebay_api_requests_total", method="PATCH", code="409") == 1
    assert value(metrics, "forebay_api_requests_total", method="GET", code="none") == 1
    assert value(metrics, "forebay_progress_reports_total", code="429") == 1


def test_what_others_keep_is_shown_as_it_is_when_it_is_asked_for():
    metrics, queue = ReconcileMetrics(), []
    metrics.follow(lambda: len(queue), lambda: 7, lambda: None)
    queue += [A, B]
    assert value(metrics, "forebay_queue_depth") == 2
    assert value(metrics, "forebay_cached_objects") == 7
    assert "forebay_heartbeat_delay_seconds NaN" in generate_latest(metrics.registry).decode()


def test_S22_no_figure_holds_the_name_of_an_object_or_a_namespace():
    metrics = ReconcileMetrics()
    metrics.witness(Ref(RUN, "secret-project", "secret-run"), {}, {"phase": "Running"})
    metrics("PipelineRun", "ok", 0.1)
    assert "secret" not in generate_latest(metrics.registry).decode()
