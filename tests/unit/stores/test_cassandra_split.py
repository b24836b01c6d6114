"""The ring in parts: every token in exactly one of them, parts of one owner, parts of about one size."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.stores import cassandra_split as ring

TOKENS = st.lists(st.integers(ring.LOWEST + 1, ring.HIGHEST), max_size=40)


@given(tokens=TOKENS, count=st.integers(1, 60), nodes=st.integers(1, 5))
def test_parts_cover_every_token_exactly_once(tokens, count, nodes):
    ranges = ring.ring_ranges(tokens)
    parts = ring.cut(ranges, [f"n{i % nodes}" for i in range(len(ranges))], count)
    assert 1 <= len(parts) <= count
    flat = sorted(one for part in parts for one in part)
    assert flat[0][0] == ring.LOWEST
    assert flat[-1][1] == ring.HIGHEST
    assert all(end == start for (_, end), (start, _) in itertools.pairwise(flat))
    assert all(start < end for start, end in flat)


def test_a_part_has_one_owner_where_there_are_enough_parts():
    ranges = ring.ring_ranges([-(2**62), 0, 2**62])
    owners = ["a", "b", "a", "b"]
    parts = ring.cut(ranges, owners, 5)
    assert len(parts) == 5
    for part in parts:
        of = {
            owners[i]
            for one in part
            for i, (start, end) in enumerate(ranges)
            if start <= one[0] < end
        }
        assert len(of) == 1


def test_parts_are_of_one_size():
    parts = ring.cut(ring.ring_ranges([-7, 5, 2**60]), ["a"] * 4, 8)
    sizes = [sum(end - start for start, end in part) for part in parts]
    assert max(sizes) - min(sizes) <= 1


def test_every_size_gets_a_share_and_none_is_lost():
    assert ring.shares([1, 1000, 1], 10) == [1, 8, 1]
    assert sum(ring.shares([3, 3, 3], 8)) == 8
