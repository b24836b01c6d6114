"""Numbers that lie anywhere in bytes, taken all at once. Pure, no I/O.

Used by the stores whose pages are decoded by column.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def numbers_at(
    data: npt.NDArray[np.uint8], places: npt.NDArray[np.int64], kind: str
) -> npt.NDArray[Any]:
    """A number of that type (NumPy's name) from each place; each has to end within the bytes."""
    size = np.dtype(kind).itemsize
    if len(data) < size:
        return np.empty(0, kind)
    every = np.ndarray((len(data) - size + 1,), kind, data.data, 0, (1,))
    found: npt.NDArray[Any] = every[places]
    return found
