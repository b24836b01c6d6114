"""Token buckets: so much at once, so much a second, for each key, and not more keys than are kept."""

import pytest

from forebay.endpoints.limits import Buckets


def test_a_burst_is_let_through_and_then_the_rate():
    buckets = Buckets(rate=2, burst=3)
    assert [buckets.wait("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert buckets.wait("a", 0.5) == 0.0
    assert buckets.wait("a", 0.5) == pytest.approx(0.5)


def test_a_refusal_costs_nothing():
    buckets = Buckets(rate=1, burst=1)
    buckets.wait("a", 0.0)
    assert all(buckets.wait("a", 0.9) > 0 for _ in range(100))
    assert buckets.wait("a", 1.0) == 0.0


def test_one_key_does_not_use_up_what_another_has():
    buckets = Buckets(rate=1, burst=1)
    assert buckets.wait("a", 0.0) == 0.0
    assert buckets.wait("b", 0.0) == 0.0


def test_keys_are_forgotten_when_there_are_too_many():
    buckets = Buckets(rate=1, burst=1, kept=10)
    for key in range(1000):
        buckets.wait(key, 0.0)
    assert len(buckets) == 10
