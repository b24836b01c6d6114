"""Quality gates: may a model with these metrics be published? Pure comparison of numbers.

Called when the evaluate stage has ended. A metric that is missing or not a number fails its gate: silence is
no pass. Numbers of the spec are decimals in strings, so no digit is lost on their way.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
}
SMALLER_IS_BETTER = frozenset({"rmse", "mae", "log_loss", "brier", "loss"})


def missed(
    gates: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, float],
    baseline: Mapping[str, float] | None,
) -> list[str]:
    """A sentence for each gate that is missed; [] when the model may be published.

    `baseline` holds the metrics of the Production version on the same test set; None when there is no
    such version, and then a comparison with it is passed.
    """
    found = (_check(gate, metrics, baseline) for gate in gates)
    return [text for text in found if text]


def _check(
    gate: Mapping[str, Any], metrics: Mapping[str, float], baseline: Mapping[str, float] | None
) -> str | None:
    name = gate["metric"]
    got = metrics.get(name)
    if got is None:
        have = ", ".join(sorted(metrics)) or "none"
        return f"{name} was not measured (measured: {have})"
    if not math.isfinite(got):
        return f"{name} is {got}, not a finite number"
    if gate.get("compareTo"):
        return _compare(gate, name, got, baseline)
    sign, value = gate.get("operator", ">="), str(gate["value"])
    if _OPERATORS[sign](_decimal(got), Decimal(value)):
        return None
    return f"{name} {got:.6g} misses {sign} {value}"


def _compare(
    gate: Mapping[str, Any], name: str, got: float, baseline: Mapping[str, float] | None
) -> str | None:
    if baseline is None:
        return None
    base = baseline.get(name)
    if base is None or not math.isfinite(base):
        return f"{name} of {gate['compareTo']} was not measured, so nothing can be compared"
    smaller = name in SMALLER_IS_BETTER
    drop = (_decimal(got) - _decimal(base)) * (1 if smaller else -1)
    limit = Decimal(str(gate.get("maxDrop", "0")))
    if drop <= limit:
        return None
    return f"{name} {got:.6g} is worse than {gate['compareTo']}'s {base:.6g} by {drop:.6g}, at most {limit} is allowed"


def _decimal(number: float) -> Decimal:
    """The decimal that a float is written as: 0.92 is 0.92 and not 0.92000000000000003996."""
    return Decimal(repr(float(number)))
