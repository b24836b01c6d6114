"""Tensor types: ONNX ⇄ numpy ⇄ the open inference protocol ⇄ JSON rows. Pure; used by model.py and v2.py.

Protocol: https://github.com/kserve/open-inference-protocol (datatypes table).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from forebay_workloads.serve.errors import RequestError

Array = np.ndarray[Any, Any]

# ONNX type name → (numpy dtype, protocol datatype)
TYPES: Mapping[str, tuple[Any, str]] = {
    "tensor(string)": (object, "BYTES"),
    "tensor(float)": (np.float32, "FP32"),
    "tensor(double)": (np.float64, "FP64"),
    "tensor(int64)": (np.int64, "INT64"),
    "tensor(int32)": (np.int32, "INT32"),
    "tensor(bool)": (np.bool_, "BOOL"),
}


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of the model; `shape` has None where a dimension is free (the first is the batch)."""

    name: str
    onnx_type: str
    shape: tuple[int | None, ...]

    @property
    def datatype(self) -> str:
        """The open inference protocol's name of the type."""
        return TYPES[self.onnx_type][1]

    def describe(self) -> dict[str, Any]:
        """As the protocol's metadata shows it; -1 is a free dimension."""
        return {
            "name": self.name,
            "datatype": self.datatype,
            "shape": [-1 if size is None else size for size in self.shape],
        }


def to_array(spec: TensorSpec, values: Sequence[Any], field: str) -> Array:
    """Checked values as an array of the input's type and shape; RequestError names the first bad value."""
    for index, value in enumerate(_flat(values)):
        problem = _problem(spec, value)
        if problem:
            raise RequestError(problem, f"{field}[{index}]")
    dtype = TYPES[spec.onnx_type][0]
    array = np.array([str(v) for v in values] if dtype is object else values, dtype=dtype)
    return _shaped(spec, array, field)


def _flat(values: Sequence[Any]) -> list[Any]:
    flat: list[Any] = []
    for value in values:
        flat.extend(_flat(value) if isinstance(value, list) else [value])
    return flat


def _problem(spec: TensorSpec, value: Any) -> str | None:
    """Why this value does not fit the input, or None."""
    kind = spec.datatype
    if kind == "BYTES":
        # Ids arrive as numbers too; the model knows them as text.
        fits = isinstance(value, str | int) and not isinstance(value, bool)
        return None if fits else f"must be a string or an integer, not {_shown(value)}"
    if kind == "BOOL":
        return None if isinstance(value, bool) else f"must be true or false, not {_shown(value)}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, not {_shown(value)}"
    if not np.isfinite(value):
        return "must be a finite number"
    if kind in ("INT64", "INT32") and (int(value) != value or abs(value) >= _INTEGER_LIMITS[kind]):
        return f"must be an integer of {kind[3:]} bits, not {_shown(value)}"
    return None


_SHOWN = 40  # characters of a refused value that an answer repeats
_INTEGER_LIMITS = {"INT64": 2**63, "INT32": 2**31}


def _shown(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"


def _shaped(spec: TensorSpec, array: Array, field: str) -> Array:
    if array.ndim != len(spec.shape):
        raise RequestError(f"must have {len(spec.shape)} dimension(s), has {array.ndim}", field)
    for want, have in zip(spec.shape[1:], array.shape[1:], strict=True):
        if want is not None and want != have:
            raise RequestError(
                f"must have shape {spec.describe()['shape']}, has {list(array.shape)}", field
            )
    return array


def to_json(array: Array) -> list[Any]:
    """An output as JSON values; text stays text."""
    values: list[Any] = array.tolist()
    return values
