"""A model in ONNX Runtime, as served: built from a published artefact's files by main.py, called by every route.

It must not know HTTP: inputs are JSON-like values or arrays, errors are RequestError.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnxruntime as ort

from forebay_workloads.errors import DataError, cut
from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.tensors import TYPES, Array, TensorSpec, to_array, to_json

MODEL_FILE = "model.onnx"
# Where ONNX Runtime looks for numbers that a graph keeps in other files, else in the working folder: nothing can
# be below the null device, so a graph reads no file of the pod, wherever it is started.
_BESIDE = "session.model_external_initializers_file_folder_path"
SIGNATURE_FILE = "signature.json"
MAX_ROWS = 10_000  # rows of one request; a larger batch belongs into `predict:`


def _specs(nodes: Sequence[Any]) -> tuple[TensorSpec, ...]:
    return tuple(
        TensorSpec(n.name, n.type, tuple(d if isinstance(d, int) else None for d in n.shape))
        for n in nodes
    )


class OnnxModel:
    """One ONNX graph with its signature. Thread-safe: ONNX Runtime's `run` is."""

    def __init__(self, files: Mapping[str, bytes], *, threads: int = 1) -> None:
        """Loads the graph; DataError ModelLoadFailed when it cannot be read or asks for unknown types."""
        if MODEL_FILE not in files:
            raise DataError(
                "ModelLoadFailed", f"the artefact has no {MODEL_FILE}, only {sorted(files)}"
            )
        options = ort.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        options.add_session_config_entry(_BESIDE, os.devnull)
        try:
            self._session = ort.InferenceSession(
                files[MODEL_FILE], options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime raises a class of its own per failure
            raise DataError("ModelLoadFailed", f"{MODEL_FILE}: {cut(error)}") from error
        self.inputs = _specs(self._session.get_inputs())
        everything = _specs(self._session.get_outputs())
        self.outputs = tuple(
            o for o in everything if o.name in self._signature_outputs(files, everything)
        )
        unknown = [s.name for s in (*self.inputs, *self.outputs) if s.onnx_type not in TYPES]
        if unknown:
            raise DataError(
                "ModelLoadFailed",
                f"{MODEL_FILE}: tensors of a type that cannot be served: {unknown}",
            )

    @staticmethod
    def _signature_outputs(files: Mapping[str, bytes], graph: Sequence[TensorSpec]) -> set[str]:
        """The outputs that callers see; a graph may have more, for the recipe's own routes."""
        if SIGNATURE_FILE not in files:
            return {o.name for o in graph}
        return {o["name"] for o in json.loads(files[SIGNATURE_FILE])["outputs"]}

    def run(
        self, feeds: Mapping[str, Array], outputs: Sequence[str] | None = None
    ) -> dict[str, Array]:
        """The named outputs (all callers' outputs by default) for arrays that match `inputs`."""
        names = list(outputs) if outputs is not None else [o.name for o in self.outputs]
        try:
            return dict(zip(names, self._session.run(names, dict(feeds)), strict=True))
        except ort.capi.onnxruntime_pybind11_state.InvalidArgument as error:
            raise RequestError(cut(error), "inputs") from error

    def predict_rows(self, rows: Any, field: str = "inputs") -> list[dict[str, Any]]:
        """One answer per row; a row is an object with a value for each input."""
        outputs = self.run(self._columns(rows, field))
        columns = {name: to_json(array) for name, array in outputs.items()}
        return [{name: values[i] for name, values in columns.items()} for i in range(len(rows))]

    def _columns(self, rows: Any, field: str) -> dict[str, Array]:
        if not isinstance(rows, list) or not rows:
            raise RequestError("must be a list of at least one row", field)
        if len(rows) > MAX_ROWS:
            raise RequestError(
                f"has {len(rows)} rows, at most {MAX_ROWS} are answered at once", field, 413
            )
        known = {spec.name for spec in self.inputs}
        for index, row in enumerate(rows):
            self._check_row(row, known, f"{field}[{index}]")
        return {spec.name: self._column(spec, rows, field) for spec in self.inputs}

    @staticmethod
    def _check_row(row: Any, known: set[str], field: str) -> None:
        if not isinstance(row, dict):
            raise RequestError(f"must be an object with {sorted(known)}", field)
        if missing := known - row.keys():
            raise RequestError(
                f"is missing; the model needs {sorted(known)}", f"{field}.{min(missing)}"
            )
        if unknown := row.keys() - known:
            raise RequestError(
                f"is not an input; the model takes {sorted(known)}", f"{field}.{min(unknown)}"
            )

    @staticmethod
    def _column(spec: TensorSpec, rows: Sequence[Mapping[str, Any]], field: str) -> Array:
        try:
            return to_array(spec, [row[spec.name] for row in rows], "")
        except RequestError as error:
            raise RequestError(error.message, f"{field}{error.field}.{spec.name}") from error
        except ValueError as error:  # ragged lists
            raise RequestError(cut(error), f"{field}.{spec.name}") from error

    def check(self) -> None:
        """One prediction of an empty-valued row: a model that answers NaN or fails must never take traffic."""
        feeds = {s.name: _blank(s) for s in self.inputs}
        for name, array in self.run(feeds).items():
            if array.dtype.kind == "f" and not np.isfinite(array).all():
                raise DataError("ModelLoadFailed", f"the model answers {name} with NaN or infinity")


def _blank(spec: TensorSpec) -> Array:
    shape = [size or 1 for size in spec.shape]
    dtype = TYPES[spec.onnx_type][0]
    return np.full(shape, "" if dtype is object else 0, dtype=dtype)
