"""RELIABILITY.md and the tests say the same, and where they do not, the check says where."""

import pytest
from scripts import reliability

FILE = "tests/unit/test_it.py"
PAGE = [(name, "not yet: no time") for name in reliability.IDS]


def said(name, proof):
    return [(one, proof if one == name else text) for one, text in PAGE]


def test_the_page_and_the_tests_agree():
    assert reliability.main() == 0


def test_a_row_is_proven_or_open():
    assert reliability.faults(PAGE, {}) == []
    assert reliability.faults(said("F03", f"`{FILE}`"), {"F03": {FILE}}) == []


@pytest.mark.parametrize(
    ("page", "tests", "piece"),
    [
        (PAGE, {"F03": {FILE}}, "F03 is «not yet», but has tests in"),
        (said("F03", ""), {}, "F03 has no test_F03_"),
        (said("F03", f"`{FILE}`"), {"F03": {"tests/other.py"}}, f"F03 names {FILE}"),
        (PAGE, {"F99": {FILE}}, "F99 is no row"),
        (PAGE[1:], {}, "each once and in order"),
    ],
)
def test_what_does_not_fit_is_said(page, tests, piece):
    (told,) = reliability.faults(page, tests)
    assert piece in told


def test_a_test_may_stand_for_several_rows(tmp_path):
    file = tmp_path / FILE
    file.parent.mkdir(parents=True)
    file.write_text("def test_F51_S14_a_sentence():\n    pass\n\n\ndef test_F5_not():\n    pass\n")
    assert reliability.tested(tmp_path) == {"F51": {FILE}, "S14": {FILE}, "F5": {FILE}}


def test_a_row_is_read_from_its_line():
    text = "| row | fault | where |\n|---|---|---|\n| F01 | a watch | `tests/a.py` |\n"
    assert reliability.rows(text) == [("F01", "`tests/a.py`")]
