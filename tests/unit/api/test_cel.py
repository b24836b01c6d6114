"""The CEL environment: Kubernetes' functions, errors as errors."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.api import cel


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("500m", 0.5), ("2k", 2000), ("10Gi", 10 * 2**30), ("1.5Ki", 1536), ("3M", 3e6)],
)
def test_quantities_are_read_in_their_base_unit(text, value):
    assert float(cel.quantity(text)) == value
    assert cel.is_quantity(text)


@pytest.mark.parametrize("text", ["", "x", "10GB", "1e", "Gi", "10 Gi"])
def test_what_is_no_quantity_is_told_so(text):
    assert not cel.is_quantity(text)
    assert not cel.holds("isQuantity(self)", text)
    with pytest.raises(ValueError, match="10Gi"):
        cel.quantity(text)


def test_quantities_compare_by_value_not_by_text():
    assert cel.holds("quantity(self).isGreaterThan(quantity('1000Mi'))", "1Gi")
    assert cel.holds("quantity(self).isLessThan(quantity('2Gi'))", "1Gi")
    assert cel.holds("quantity(self).compareTo(quantity('1024Mi')) == 0", "1Gi")


@given(st.lists(st.integers(-5, 5), max_size=6))
def test_is_sorted_agrees_with_sorting(numbers):
    assert cel.holds("self.isSorted()", numbers) == (numbers == sorted(numbers))


def test_a_rule_that_ends_in_an_error_is_neither_true_nor_false():
    with pytest.raises(cel.CelError, match="missing"):
        cel.holds("self.missing == 1", {})
    with pytest.raises(cel.CelError):
        cel.holds("self.a", {"a": "text"})


@pytest.mark.parametrize("rule", ["self +", "other == 1", "self.all(x, y)"])
def test_a_rule_with_a_mistake_is_refused_when_it_is_compiled(rule):
    with pytest.raises(cel.CelError):
        cel.compiled(rule)
