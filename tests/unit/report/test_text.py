import pytest

from forebay_workloads.report.text import DASH, flat, markdown, number, plain, span


@pytest.mark.parametrize(
    ("value", "text"),
    [(100000, "100,000"), (0.913412, "0.91341"), (3.0, "3"), (1.2e-7, "1.2e-07"), (None, DASH), (True, "true"),
     ("x", "x"), (float("inf"), "inf"), ([1, None], "[1, null]")],
)  # fmt: skip
def test_numbers_are_short_and_grouped(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, DASH), (0.44, "0.4 s"), (12.3, "12 s"), (184, "3 min 04 s"), (7500, "2 h 05 min")],
)
def test_spans_have_the_unit_that_fits(seconds, text):
    assert span(seconds) == text


def test_long_and_broken_text_becomes_one_short_line():
    assert plain("a\n  b") == "a b"
    assert len(plain("x" * 1000)) == 400


def test_nested_objects_are_listed_by_dotted_name():
    assert flat({"a": {"b": 1}, "c": [2]}) == [("a.b", 1), ("c", [2])]


def test_markdown_reads_the_same_and_means_nothing():
    assert markdown("a|b [x](y) <i>") == r"a\|b \[x\]\(y\) &lt;i&gt;"
    assert markdown("http://x") == "http&#58;//x"
    assert markdown("data: 3") == "data: 3"
