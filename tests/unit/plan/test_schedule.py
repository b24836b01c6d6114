import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.api.v1alpha1.cron import PATTERN
from forebay.plan.schedule import ScheduleError, check, due

DAY = datetime(2026, 1, 5, tzinfo=UTC)
AT_THREE = DAY.replace(hour=3)


def test_a_start_is_due_from_its_minute_on_and_once():
    before = due("0 3 * * *", None, DAY, AT_THREE - timedelta(seconds=1), None)
    assert (before.start, before.next) == (None, AT_THREE)
    now = due("0 3 * * *", None, DAY, AT_THREE, None)
    assert (now.start, now.next) == (AT_THREE, AT_THREE + timedelta(days=1))
    assert due("0 3 * * *", None, AT_THREE, AT_THREE + timedelta(hours=1), None).start is None


def test_of_several_missed_starts_only_the_newest_is_made():
    found = due("0 3 * * *", None, DAY, DAY + timedelta(days=9, hours=4), None)
    assert found.start == AT_THREE + timedelta(days=9)


def test_a_start_that_is_too_late_is_missed():
    found = due("0 3 * * *", None, DAY, AT_THREE + timedelta(minutes=11), 600)
    assert (found.start, found.missed) == (None, AT_THREE)
    assert due("0 3 * * *", None, DAY, AT_THREE + timedelta(minutes=9), 600).start == AT_THREE


def test_F19_the_time_zone_counts_and_a_skipped_hour_does_not_stop_the_schedule():
    assert due("0 3 * * *", "Europe/Berlin", DAY, DAY, None).next == DAY.replace(hour=2)
    spring = datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    found = due("30 2 * * *", "Europe/Berlin", spring, spring, None)
    assert spring < found.next <= spring + timedelta(hours=1)


@pytest.mark.parametrize(
    ("cron", "zone", "field"),
    [
        ("61 * * * *", None, "spec.schedule"),
        ("x", None, "spec.schedule"),
        ("* * * * *", "Mars/Base", "spec.timeZone"),
        ("* * * * *", "../etc", "spec.timeZone"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_field(cron, zone, field):
    with pytest.raises(ScheduleError, match=field):
        due(cron, zone, DAY, DAY, None)


@given(st.integers(0, 59), st.integers(0, 23), st.integers(0, 366 * 86400))
def test_F19_the_due_start_is_never_in_the_future_and_the_next_one_always_is(minute, hour, second):
    now = DAY + timedelta(seconds=second)
    found = due(f"{minute} {hour} * * *", "America/New_York", now - timedelta(days=2), now, None)
    assert found.start <= now < found.next


WORDS = ("*", "0", "7", "07", "12", "23", "31", "59", "61", "L", "LW", "5L", "MON", "jan", "fri#5")
ITEMS = st.one_of(
    st.sampled_from(WORDS),
    st.tuples(st.sampled_from(WORDS), st.sampled_from("-/#,"), st.sampled_from(WORDS)).map("".join),
    st.tuples(st.sampled_from(WORDS), st.just("-"), st.sampled_from(WORDS), st.just("/2")).map(
        "".join
    ),
)


@given(st.lists(ITEMS, min_size=5, max_size=5).map(" ".join))
def test_admission_takes_every_schedule_that_the_operator_can_follow(cron):
    try:
        check(cron, None)
    except ScheduleError:
        return
    assert re.match(PATTERN, cron)


@pytest.mark.parametrize(
    "text", ["99 * * * *", "* 24 * * *", "* * 0 * *", "* * * foo *", "* * * * 8"]
)
def test_admission_refuses_what_no_clock_shows(text):
    assert not re.match(PATTERN, text)
    with pytest.raises(ScheduleError, match=r"spec\.schedule: "):
        check(text, None)


def test_a_time_zone_that_is_not_there_is_named():
    with pytest.raises(ScheduleError, match=r"spec\.timeZone: 'Mars/X'"):
        check("0 3 * * *", "Mars/X")
