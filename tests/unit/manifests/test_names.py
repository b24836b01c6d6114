import random
import re
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.manifests.names import child_name, hex_hash, label_value, run_name

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


@given(st.lists(st.text(max_size=300), min_size=1, max_size=4))
def test_F62_any_text_gives_a_name_that_the_api_takes(parts):
    name = child_name(*parts)
    assert LABEL.fullmatch(name)
    assert name == child_name(*parts)


@given(st.text(max_size=300))
def test_F62_any_text_gives_a_label_value_that_the_api_takes(text):
    assert re.fullmatch(r"[A-Za-z0-9]([-_.A-Za-z0-9]{0,61}[A-Za-z0-9])?", label_value(text))


@pytest.mark.slow
def test_F62_a_hundred_thousand_long_names_do_not_collide():
    rng = random.Random(7)
    letters = string.ascii_lowercase + string.digits
    names = {"a" * 200 + "".join(rng.choices(letters, k=53)) for _ in range(100_000)}
    assert len({child_name(name) for name in names}) == len(names)


def test_F62_names_that_look_alike_stay_apart():
    assert child_name("Model") != child_name("model")
    assert child_name("mоdel") != child_name("model"), "the first has a Cyrillic letter"  # noqa: RUF001
    assert child_name("a.b", "c") != child_name("a", "b.c")


def test_a_short_name_is_left_readable():
    assert child_name("movies-1a2b3c4d", "train") == "movies-1a2b3c4d-train"
    assert label_value("movies.v1") == "movies.v1"


def test_the_longest_pipeline_name_gives_a_run_name_that_fits():
    name = run_name("p" * 52, "uid", "spec/1")
    assert name == "p" * 52 + "-" + hex_hash("uid", "spec/1")
    assert len(name) <= 63
