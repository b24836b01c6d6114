"""The published form: an ONNX graph from ids to ratings, and back again. Called by the recipe for publish.

`model.onnx` takes `user` and `item` (strings) and answers `rating`; ids not met in training find the last row.
Further outputs serve `/recommend`: `user_vector`, `item_matrix` and `item_ids`, with
score = item_matrix @ user_vector the rating before it is clipped to the range of the training data. Beside
it lie `seen.arrow` (user, items: indices into item_ids), `popular.json` and `recipe.json`.
The same model gives the same bytes.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper

from forebay_workloads.errors import ConfigError, DataError, cut
from forebay_workloads.recipes.base import Artifact
from forebay_workloads.recipes.matrix_factorization.factors import Factors, Matrix
from forebay_workloads.recipes.matrix_factorization.ids import UNKNOWN

OPSETS = (("", 17), ("ai.onnx.ml", 3))
IR_VERSION = 9
LIMIT = 2_000_000_000  # bytes; a protobuf message ends at 2 GiB
CHECKED = 1_000  # pairs compared with ONNX Runtime at export
TOLERANCE = 1e-5  # of the largest rating
KEPT = (
    "feedback",
    "columns",
    "clip",
    "params",
)  # of meta: what does not depend on the run or machine
SIGNATURE = {
    "inputs": [
        {"name": "user", "dtype": "string", "shape": [-1]},
        {"name": "item", "dtype": "string", "shape": [-1]},
    ],
    "outputs": [{"name": "rating", "dtype": "float32", "shape": [-1]}],
}


def export(model: Factors) -> Artifact:
    """The artefact, its graph compared with the model in ONNX Runtime.

    Raises:
        ConfigError: FieldNotSupportedInMode when the matrices are too large for one file.
        DataError: ModelLoadFailed when the graph answers differently.
    """
    if model.users.nbytes + model.items.nbytes > LIMIT:
        raise ConfigError(
            "FieldNotSupportedInMode",
            "the model is larger than 2 GB; lower train.params.factors or members",
        )
    graph = _graph(model)
    _compare(model, graph)
    files = {
        "model.onnx": graph,
        "seen.arrow": _seen(model),
        "popular.json": _json({"items": [model.item_names[i] for i in model.popular]}),
        "recipe.json": _json({name: model.meta[name] for name in KEPT}),
    }
    return Artifact(files, SIGNATURE)


def load(files: Mapping[str, bytes]) -> Factors:
    """The model of an artefact's files; DataError ModelLoadFailed when they are not of this recipe."""
    try:
        graph = onnx.load_from_string(files["model.onnx"]).graph
        fixed = {tensor.name: _own(tensor) for tensor in graph.initializer}
        seen = pa.ipc.open_file(pa.BufferReader(files["seen.arrow"])).read_all().combine_chunks()
        lists = seen.column("items").combine_chunks()
        names = [
            name.decode() if isinstance(name, bytes) else str(name) for name in fixed["item_names"]
        ]
        numbers = {name: number for number, name in enumerate(names)}
        popular = [numbers[name] for name in json.loads(files["popular.json"])["items"]]
        return Factors(
            fixed["users"],
            fixed["items"],
            seen.column("user").to_pylist(),
            names,
            np.asarray(lists.offsets, np.int64),
            np.asarray(lists.values, np.int32),
            np.array(popular, np.int32),
            json.loads(files["recipe.json"]),
        )
    except (KeyError, ValueError, pa.ArrowException, onnx.checker.ValidationError) as error:
        raise DataError("ModelLoadFailed", f"no matrix factorisation: {cut(error)}") from error


def _own(tensor: TensorProto) -> np.ndarray[Any, Any]:
    """The numbers of a tensor that holds them itself; ValueError when it points to a file beside the graph."""
    if tensor.data_location == TensorProto.EXTERNAL:
        raise ValueError(f"tensor {tensor.name} lies outside of the graph")
    return numpy_helper.to_array(tensor)


def _graph(model: Factors) -> bytes:
    users, items = len(model.user_names), len(model.item_names)
    fixed = [
        numpy_helper.from_array(np.ascontiguousarray(model.users), "users"),
        numpy_helper.from_array(np.ascontiguousarray(model.items), "items"),
        numpy_helper.from_array(np.array(model.item_names, dtype=object), "item_names"),
        numpy_helper.from_array(np.array([0], np.int64), "start"),
        numpy_helper.from_array(np.array([items], np.int64), "end"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    width = model.users.shape[1]
    inputs = [helper.make_tensor_value_info(n, TensorProto.STRING, ["N"]) for n in ("user", "item")]
    outputs = [
        helper.make_tensor_value_info("rating", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("user_vector", TensorProto.FLOAT, ["N", width]),
        helper.make_tensor_value_info("item_matrix", TensorProto.FLOAT, [items, width]),
        helper.make_tensor_value_info("item_ids", TensorProto.STRING, [items]),
    ]
    nodes = [
        _encoder("user", model.user_names, users),
        _encoder("item", model.item_names, items),
        helper.make_node("Gather", ["users", "user_number"], ["user_vector"]),
        helper.make_node("Gather", ["items", "item_number"], ["item_vector"]),
        helper.make_node("Mul", ["user_vector", "item_vector"], ["products"]),
        helper.make_node("Slice", ["items", "start", "end"], ["item_matrix"]),
        helper.make_node("Identity", ["item_names"], ["item_ids"]),
        *_rating(model.meta["clip"], fixed),
    ]
    graph = helper.make_graph(nodes, "matrix_factorization", inputs, outputs, fixed)
    opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS]
    made = helper.make_model(
        graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="forebay"
    )
    onnx.checker.check_model(made)
    content: bytes = made.SerializeToString(deterministic=True)
    return content


def _encoder(name: str, ids: list[str], unknown: int) -> Any:
    return helper.make_node(
        "LabelEncoder",
        [name],
        [f"{name}_number"],
        domain="ai.onnx.ml",
        keys_strings=ids,
        values_int64s=list(range(len(ids))),
        default_int64=unknown,
    )


def _rating(clip: list[float] | None, fixed: list[Any]) -> list[Any]:
    if clip is None:
        return [helper.make_node("ReduceSum", ["products", "axis"], ["rating"], keepdims=0)]
    for name, value in zip(("low", "high"), clip, strict=True):
        fixed.append(numpy_helper.from_array(np.array(value, np.float32), name))
    return [
        helper.make_node("ReduceSum", ["products", "axis"], ["score"], keepdims=0),
        helper.make_node("Clip", ["score", "low", "high"], ["rating"]),
    ]


def _compare(model: Factors, graph: bytes) -> None:
    random = np.random.default_rng(0)
    users = random.integers(UNKNOWN, len(model.user_names), CHECKED).astype(np.int32)
    items = random.integers(UNKNOWN, len(model.item_names), CHECKED).astype(np.int32)
    feeds = {
        "user": _named(model.user_names, users),
        "item": _named(model.item_names, items),
    }
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    got: Matrix = session.run(["rating"], feeds)[0]
    want = model.predict(users, items)
    worst = float(np.abs(got - want).max())
    if not worst <= TOLERANCE * max(1.0, float(np.abs(want).max())):
        raise DataError("ModelLoadFailed", f"the exported graph answers differently, by {worst:g}")


def _named(names: list[str], numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Ids of numbers; UNKNOWN becomes a text that is no id."""
    stranger = "?" * (1 + max(len(name) for name in names))
    return np.array([stranger if n == UNKNOWN else names[n] for n in numbers], dtype=object)


def _seen(model: Factors) -> bytes:
    items = pa.ListArray.from_arrays(
        pa.array(model.seen_offsets, pa.int32()), pa.array(model.seen_items, pa.int32())
    )
    table = pa.table({"user": pa.array(model.user_names, pa.string()), "items": items})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
