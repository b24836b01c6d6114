"""Work that is late is left to itself; what it returns or raises in time is the caller's."""

from __future__ import annotations

import threading

import pytest

from forebay_workloads.stores.deadline import within


def test_what_is_done_in_time_is_returned_or_raised():
    assert within(5, lambda: 7) == 7
    with pytest.raises(KeyError, match="gone"):
        within(5, lambda: {}["gone"])


@pytest.mark.parametrize("seconds", [-1, 0, 0.05])
def test_what_is_late_is_a_timeout_and_goes_on(seconds):
    go, done = threading.Event(), threading.Event()

    def work():
        go.wait(5)
        done.set()

    with pytest.raises(TimeoutError):
        within(seconds, work)
    assert not done.is_set()
    go.set()
    assert done.wait(5)
