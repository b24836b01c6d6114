"""Tables, and the words for kinds."""

import pytest

from forebay.cli import kinds, table
from forebay.cli.failure import UsageError
from forebay.kube.port import DEPLOYMENT, OWN_KINDS, PIPELINE, RUN

DASH = table.MISSING


def test_a_table_is_aligned_and_shows_empty_cells_as_a_dash():
    text = table.render(["NAME", "READY", "URL"], [["movies", "True", ""], ["m", "", "http://x"]])
    assert text == f"NAME     READY   URL\nmovies   True    {DASH}\nm        {DASH}       http://x"


def test_control_characters_never_reach_the_terminal():
    assert table.cell("a\x1b[31m\nb") == "a\\x1b[31m\\nb"


@pytest.mark.parametrize(
    "word", ["nsr", "pipelinerun", "PipelineRuns", "runs", "pipelineruns.forebay.dev"]
)
def test_a_kind_has_many_names(word):
    assert kinds.resolve(word) == [RUN]


def test_several_kinds_are_named_at_once():
    assert kinds.resolve("forebay") == list(OWN_KINDS)
    assert kinds.resolve("md,nsp,md") == [DEPLOYMENT, PIPELINE]


@pytest.mark.parametrize("word", ["secret", "versions", ""])
def test_a_word_that_is_no_kind_is_refused_with_those_that_are(word):
    with pytest.raises(UsageError, match=r"known are forebay, datastores \(dst\)"):
        kinds.resolve(word)


def test_one_kind_is_one_kind():
    with pytest.raises(UsageError, match="names 5 kinds"):
        kinds.resolve_one("forebay")


def test_kind_and_name_may_be_written_with_a_slash():
    assert kinds.split("md/movies", None) == ("md", "movies")
    assert kinds.split("md/", None) == ("md", None)
    assert kinds.split("md", "movies") == ("md", "movies")
