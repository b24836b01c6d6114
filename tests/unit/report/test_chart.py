import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.report.chart import HEIGHT, LEFT, TOP, WIDTH, chart, scale


def points(made):
    return [tuple(map(float, p.split(","))) for path in made.paths for p in path.split()]


def test_a_falling_loss_falls_on_the_page():
    made = chart("loss", [(1, 3.0), (2, 2.0), (3, 1.0)], best=3)
    ys = [y for _, y in points(made)]
    assert ys == sorted(ys)  # down the page is larger
    assert made.best == points(made)[-1]
    assert made.best_label == "1 at epoch 3"
    assert [tick.label for tick in made.x_ticks] == ["1", "3"]


def test_a_missing_value_parts_the_line_and_none_at_all_gives_no_chart():
    assert len(chart("x", [(1, 1.0), (2, None), (3, float("nan")), (4, 2.0)], None).paths) == 2
    assert chart("x", [(1, None)], None) is None
    assert chart("x", [], None) is None


def test_one_epoch_and_a_constant_metric_are_drawn():
    assert points(chart("x", [(1, 5.0)], 1))
    assert points(chart("x", [(1, 0.0), (2, 0.0)], None))


def test_a_long_curve_is_thinned_and_keeps_its_end():
    made = chart("x", [(i, float(i)) for i in range(10_001)], None)
    assert len(points(made)) <= 402
    assert points(made)[-1][0] == WIDTH - 10


VALUES = st.floats(-1e12, 1e12).filter(lambda v: v == 0 or abs(v) > 1e-9)


@given(st.lists(VALUES, min_size=1, max_size=30))
def test_every_point_lies_inside_the_plot(values):
    made = chart("x", list(enumerate(values)), best=0)
    for x, y in points(made):
        assert LEFT - 0.01 <= x <= WIDTH
        assert TOP - 0.01 <= y <= HEIGHT


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (0.91, 0.98, ["0.90", "0.92", "0.94", "0.96", "0.98"]),
        (100.0, 900.0, ["0", "200", "400", "600", "800", "1000"]),
    ],
)
def test_ticks_are_what_people_count_in(low, high, labels):
    start, end, ticks = scale(low, high)
    assert [label for _, label in ticks] == labels
    assert start <= low < high <= end
    assert math.isclose(ticks[-1][0], end)
