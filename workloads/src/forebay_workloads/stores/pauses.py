"""How long to wait before a request is sent again. Used by the adapters that send again themselves."""

from __future__ import annotations

import random


def pauses(most: int, longest: float = 5.0) -> list[float]:
    """Seconds before each further attempt, with chance in them: what was throttled together comes apart."""
    return [min(longest, 0.05 * 2**number) * random.uniform(0.5, 1.0) for number in range(most)]
