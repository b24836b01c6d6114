from datetime import UTC, datetime, timedelta

from forebay.plan.conditions import Conditions, condition, cut, is_true
from forebay.plan.times import parse, seconds_since, stamp

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def with_status(items, generation=2):
    return {"metadata": {"generation": generation}, "status": {"conditions": items}}


def test_at_first_sight_all_are_unknown_and_ready_comes_first():
    items = Conditions({"metadata": {"generation": 2}}, ("Reachable", "Warning"), NOW).items()
    assert [c["type"] for c in items] == ["Ready", "Reachable", "Warning", "Reconciling", "Stalled"]
    assert {c["status"] for c in items} == {"Unknown"}
    assert {c["observedGeneration"] for c in items} == {2}


def test_the_transition_time_is_kept_while_the_status_is_the_same():
    first = Conditions(with_status([]), (), NOW)
    first.ready("Ready", "one")
    second = Conditions(with_status(first.items()), (), NOW + timedelta(hours=1))
    second.ready("Ready", "two")
    assert second.items()[0]["lastTransitionTime"] == stamp(NOW)
    assert second.items()[0]["message"] == "two"
    second.stalled("GateFailed", "no")
    assert second.items()[0]["lastTransitionTime"] == stamp(NOW + timedelta(hours=1))


def test_the_summary_follows_kstatus():
    made = Conditions(with_status([]), (), NOW)
    for summarise, wished in (
        (made.ready, ("True", "False", "False")),
        (made.reconciling, ("False", "True", "False")),
        (made.stalled, ("False", "False", "True")),
    ):
        summarise("Ready", "text")
        state = {c["type"]: c["status"] for c in made.items()}
        assert (state["Ready"], state["Reconciling"], state["Stalled"]) == wished
    made.reconciling("Progressing", ready=None)
    assert made.items()[0]["status"] == "Unknown"


def test_a_warning_is_true_with_all_messages_or_false():
    made = Conditions(with_status([]), ("Warning",), NOW)
    made.warn("FieldNotSupportedInMode", ["a", "b"])
    assert made.items()[1]["message"] == "a; b"
    made.warn(None)
    assert made.items()[1]["status"] == "False"


def test_a_condition_of_an_older_generation_does_not_count():
    made = Conditions(with_status([], generation=1), (), NOW)
    made.ready("Ready")
    assert is_true(with_status(made.items(), generation=1))
    assert not is_true(with_status(made.items(), generation=2))
    assert not is_true(None)
    assert condition(None, "Ready") == {}


def test_F19_a_message_is_cut_and_times_are_never_negative():
    assert len(cut("x" * 5000)) == 1024
    assert seconds_since(stamp(NOW + timedelta(minutes=10)), NOW) == 0.0
    assert seconds_since(None, NOW) == 0.0
    assert parse("2026-01-31T12:00:00.25Z").microsecond == 250000
