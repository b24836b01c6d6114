import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.plan.gates import missed

RMSE = {"metric": "rmse", "operator": "<=", "value": "0.92"}
HIGHER = {"metric": "accuracy", "compareTo": "Production", "maxDrop": "0"}
BETTER = {"metric": "rmse", "compareTo": "Production", "maxDrop": "0.01"}


@pytest.mark.parametrize(
    ("gate", "metrics", "baseline", "said"),
    [
        (RMSE, {"rmse": 0.92}, None, None),
        (RMSE, {"rmse": 0.921}, None, "rmse 0.921 misses <= 0.92"),
        (RMSE, {}, None, "rmse was not measured (measured: none)"),
        (RMSE, {"mae": 1.0}, None, "rmse was not measured (measured: mae)"),
        (RMSE, {"rmse": math.nan}, None, "rmse is nan, not a finite number"),
        (RMSE, {"rmse": -math.inf}, None, "rmse is -inf, not a finite number"),
        ({"metric": "accuracy", "operator": ">=", "value": "0.1"}, {"accuracy": 0.1}, None, None),
        ({"metric": "accuracy", "operator": ">", "value": "0.1"}, {"accuracy": 0.1}, None, "accuracy 0.1 misses > 0.1"),
        ({"metric": "accuracy", "operator": "==", "value": "1"}, {"accuracy": 1.0}, None, None),
        (BETTER, {"rmse": 0.9}, None, None),
        (BETTER, {"rmse": 0.92}, {"rmse": 0.91}, None),
        (BETTER, {"rmse": 0.921}, {"rmse": 0.91}, "rmse 0.921 is worse than Production's 0.91 by 0.011"),
        (BETTER, {"rmse": 0.5}, {"rmse": 0.91}, None),
        (BETTER, {"rmse": 0.9}, {}, "rmse of Production was not measured"),
        (BETTER, {"rmse": 0.9}, {"rmse": math.nan}, "rmse of Production was not measured"),
        (HIGHER, {"accuracy": 0.8}, {"accuracy": 0.7}, None),
        (HIGHER, {"accuracy": 0.6}, {"accuracy": 0.7}, "is worse"),
    ],
)  # fmt: skip
def test_a_gate_is_met_or_says_what_was_missed(gate, metrics, baseline, said):
    found = missed([gate], metrics, baseline)
    assert (not found) if said is None else (len(found) == 1 and said in found[0])


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e6, max_value=1e6))
def test_a_limit_that_is_written_like_the_number_is_met(number):
    text = f"{number:.6f}"
    gate = {"metric": "mae", "operator": "<=", "value": text}
    assert missed([gate], {"mae": float(text)}, None) == []
