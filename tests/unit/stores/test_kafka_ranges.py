"""Parts of a topic cover its offsets once, in order, and are about equally long."""

from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.stores.kafka_ranges import Range, cut

ranges = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 30)), max_size=6).map(
    lambda drawn: [
        Range(index, start, start + length) for index, (start, length) in enumerate(drawn)
    ]
)


@given(ranges, st.integers(1, 12))
def test_parts_cover_every_offset_once_in_order(spans, count):
    parts = cut(spans, count)
    assert 1 <= len(parts) <= count
    found = [
        (one.partition, at) for part in parts for one in part for at in range(one.start, one.end)
    ]
    assert found == [(one.partition, at) for one in spans for at in range(one.start, one.end)]


@given(ranges, st.integers(1, 12))
def test_parts_are_equally_long_but_for_one_record(spans, count):
    lengths = [sum(one.end - one.start for one in part) for part in cut(spans, count)]
    assert max(lengths) - min(lengths) <= 1
    assert min(lengths) > 0 or len(lengths) == 1
