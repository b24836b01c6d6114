"""The type of a column does not depend on where a batch ends."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay_workloads.codecs.guess import Guess

WORDS = st.sampled_from(
    [
        "1",
        "-2",
        "+3",
        "0",
        "0.5",
        "1e3",
        "NaN",
        "007",
        "x",
        "",
        "NA",
        "true",
        "2024-01-01",
        "2024-01-01 10:00:00",
    ]
)


def guess(*batches):
    one = Guess()
    for batch in batches:
        one.update(pa.array(batch, pa.string()))
    return str(one.kind())


@given(words=st.lists(WORDS, max_size=30), at=st.integers(0, 30))
def test_batches_do_not_matter(words, at):
    assert guess(words) == guess(words[:at], words[at:])


@given(words=st.lists(WORDS, max_size=12))
def test_every_value_fits_the_guessed_type_when_there_are_few(words):
    one = Guess()
    one.update(pa.array(words, pa.string()))
    assert not one.doubtful


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (["1", "0"], "int64"),
        (["1", "2.0"], "double"),
        (["true", "false"], "bool"),
        (["1", "true"], "bool"),
        (["1"] * 200 + ["true"], "bool"),
        (["2024-01-01", "2024-01-01 10:00:00"], "timestamp[us]"),
        (["2024-01-01", "5"], "string"),
        (["007", "8"], "string"),
        (["0x1F"], "string"),
        (["-0.5", "0"], "double"),
        (["99999999999999999999"], "string"),
        (["99999999999999999999", "0.5"], "double"),
        (["", "NA", None], "string"),
        (["", "5"], "int64"),
    ],
)
def test_each_column_has_its_type(words, kind):
    assert guess(words) == kind


def test_one_word_in_a_thousand_numbers_is_doubted_and_twenty_make_a_text():
    numbers = [str(i) for i in range(1000)]
    one = Guess()
    one.update(pa.array([*numbers, "abc"]))
    assert str(one.kind()) == "int64"
    assert one.doubtful
    one.update(pa.array(["abc"] * 20))
    assert str(one.kind()) == "string"
    assert not one.doubtful
