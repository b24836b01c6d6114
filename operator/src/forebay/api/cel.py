"""CEL as an API server evaluates it: the rules of the CRDs, run where no API server is.

`schema` calls it for the embedded plane and for `forebay validate`. The environment has the functions of
Kubernetes' libraries that our rules use. A rule is compiled once. A real API server remains the judge.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from functools import cache
from typing import Any

from cel_expr_python import cel

from forebay.api.quantity import is_quantity, quantity
from forebay.errors import ForebayError


class CelError(ForebayError):
    """A rule could not be compiled, or ended in an error instead of true or false."""


def _compare(left: float, right: float) -> int:
    return (left > right) - (left < right)


def _is_sorted(items: Sequence[Any]) -> bool:
    values = list(items)
    return all(a <= b for a, b in itertools.pairwise(values))


def _functions() -> list[Any]:
    kind = cel.Type
    number, items = kind.DOUBLE, kind.List(kind.DYN)
    table = (
        ("isQuantity", kind.BOOL, [kind.STRING], False, is_quantity),
        ("quantity", number, [kind.STRING], False, lambda text: float(quantity(text))),
        ("compareTo", kind.INT, [number, number], True, _compare),
        ("isLessThan", kind.BOOL, [number, number], True, lambda a, b: a < b),
        ("isGreaterThan", kind.BOOL, [number, number], True, lambda a, b: a > b),
        ("isSorted", kind.BOOL, [items], True, _is_sorted),
    )
    return [
        cel.FunctionDecl(name, [cel.Overload(f"forebay_{name}", result, args, member, call)])
        for name, result, args, member, call in table
    ]


@cache
def _environment() -> Any:
    dynamic = cel.Type.DYN
    return cel.NewEnv(variables={"self": dynamic, "oldSelf": dynamic}, functions=_functions())


@cache
def compiled(rule: str) -> Any:
    """The compiled rule; CelError when its syntax is wrong or it uses a name that does not exist."""
    try:
        return _environment().compile(rule)
    except RuntimeError as error:
        raise CelError(f"{rule}: {error}") from error


def is_transition(rule: str) -> bool:
    """Whether the rule speaks of the old value, so that it holds for updates only."""
    return "oldSelf" in rule


def holds(rule: str, value: Any, old: Any = None) -> bool:
    """Whether the rule is true of `value`; CelError when it can be neither true nor false."""
    result = compiled(rule).eval(data={"self": value, "oldSelf": old}).value()
    if result is True or result is False:
        return bool(result)
    raise CelError(f"{rule}: {result}")
