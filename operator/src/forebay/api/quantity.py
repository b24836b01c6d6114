"""Kubernetes quantities (`10Gi`, `500m`) as numbers. Called by the CEL functions and by builders. Pure."""

from __future__ import annotations

import re
from decimal import Decimal

_SUFFIXES = {"": Decimal(1), "m": Decimal("0.001"), "k": Decimal(10**3)}
_SUFFIXES |= {letter: Decimal(10 ** (6 + 3 * i)) for i, letter in enumerate("MGTPE")}
_SUFFIXES |= {f"{letter}i": Decimal(1024 ** (i + 1)) for i, letter in enumerate("KMGTPE")}
_QUANTITY = re.compile(r"([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))([A-Za-z]*)")


def quantity(text: str) -> Decimal:
    """The value of a Kubernetes quantity (`10Gi`, `500m`) in its base unit; ValueError when it is none."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in _SUFFIXES:
        raise ValueError(
            f"{text!r} is not a quantity: write a number and a suffix, for example 10Gi"
        )
    return Decimal(match[1]) * _SUFFIXES[match[2]]


def is_quantity(text: str) -> bool:
    """Whether `quantity` can read it."""
    try:
        quantity(text)
    except ValueError:
        return False
    return True
