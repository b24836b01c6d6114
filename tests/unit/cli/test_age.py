"""Times as kubectl shows them."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cli import age

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "<invalid>"),
        (-1, "0s"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (130, "2m10s"),
        (599, "9m59s"),
        (3600, "60m"),
        (3 * 3600, "3h"),
        (3 * 3600 + 60, "3h1m"),
        (9 * 3600, "9h"),
        (48 * 3600, "2d"),
        (51 * 3600, "2d3h"),
        (8 * 86400, "8d"),
        (400 * 86400, "400d"),
        (800 * 86400, "2y70d"),
        (730 * 86400, "2y"),
        (9 * 365 * 86400, "9y"),
    ],
)
def test_durations_round_as_kubectl_does(seconds, text):
    assert age.human_duration(seconds) == text


@pytest.mark.parametrize(
    ("since", "text"),
    [
        ("2026-03-01T11:58:50Z", "70s"),
        ("2026-03-01T11:58:50", "70s"),
        (None, "<unknown>"),
        ("", "<unknown>"),
        ("soon", "<invalid>"),
    ],
)
def test_an_age_is_counted_from_the_objects_own_time(since, text):
    assert age.age(since, NOW) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), ("10m", 600), ("1h30m", 5400), ("0.5h", 1800), ("1d", 86400)],
)
def test_durations_of_options_are_read(text, seconds):
    assert age.parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-5s", "m", "5 minutes", "1h30x", "1..5s"])
def test_what_is_no_duration_is_refused(text):
    with pytest.raises(ValueError):
        age.parse_duration(text)


@given(st.integers(min_value=0, max_value=10**10))
def test_every_duration_reads_as_at_most_two_units(seconds):
    assert 2 <= len(age.human_duration(seconds)) <= 10
