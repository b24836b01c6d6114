"""Tiny ONNX graphs for the serving tests, built by hand so that every number is known."""

import json

import numpy as np
import onnx
import pyarrow as pa
from onnx import TensorProto, helper, numpy_helper


def _model(nodes, inputs, outputs, initializers) -> bytes:
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def linear(weight: float = 2.0) -> dict[str, bytes]:
    """y = weight * x + 1 for x: float32[N]."""
    const = [
        numpy_helper.from_array(np.array([weight], np.float32), "w"),
        numpy_helper.from_array(np.array([1.0], np.float32), "b"),
    ]
    nodes = [
        helper.make_node("Mul", ["x", "w"], ["xw"]),
        helper.make_node("Add", ["xw", "b"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N"])
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N"])
    return {"model.onnx": _model(nodes, [x], [y], const)}


USERS = ["ann", "bob"]
ITEMS = ["a", "b", "c", "d"]
USER_MATRIX = np.array([[1, 0], [0, 1], [0, 0]], np.float32)  # the last row is the unknown user
ITEM_MATRIX = np.array([[4, 1], [3, 2], [2, 3], [1, 4]], np.float32)


def _lookup(name: str, keys: list[str]):
    return helper.make_node(
        "LabelEncoder", [name], [f"{name}_index"], domain="ai.onnx.ml",
        keys_strings=keys, values_int64s=list(range(len(keys))), default_int64=len(keys),
    )  # fmt: skip


def factors() -> dict[str, bytes]:
    """Two users and four items with scores that can be read off the matrices; ann has seen a."""
    padded = np.vstack([ITEM_MATRIX, np.zeros((1, 2), np.float32)])
    const = [
        numpy_helper.from_array(USER_MATRIX, "users"),
        numpy_helper.from_array(padded, "items"),
        numpy_helper.from_array(ITEM_MATRIX, "matrix"),
        numpy_helper.from_array(np.array(ITEMS, dtype=object), "ids"),
        numpy_helper.from_array(np.array([1], np.int64), "axis"),
    ]
    nodes = [
        _lookup("user", USERS),
        _lookup("item", ITEMS),
        helper.make_node("Gather", ["users", "user_index"], ["user_vector"]),
        helper.make_node("Gather", ["items", "item_index"], ["item_vector"]),
        helper.make_node("Mul", ["user_vector", "item_vector"], ["product"]),
        helper.make_node("ReduceSum", ["product", "axis"], ["rating"], keepdims=0),
        helper.make_node("Identity", ["matrix"], ["item_matrix"]),
        helper.make_node("Identity", ["ids"], ["item_ids"]),
    ]
    inputs = [helper.make_tensor_value_info(n, TensorProto.STRING, ["N"]) for n in ("user", "item")]
    outputs = [
        helper.make_tensor_value_info("rating", TensorProto.FLOAT, ["N"]),
        helper.make_tensor_value_info("user_vector", TensorProto.FLOAT, ["N", 2]),
        helper.make_tensor_value_info("item_matrix", TensorProto.FLOAT, [4, 2]),
        helper.make_tensor_value_info("item_ids", TensorProto.STRING, [4]),
    ]
    seen = pa.table({"user": USERS, "items": pa.array([[0], []], pa.list_(pa.int32()))})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, seen.schema) as writer:
        writer.write_table(seen)
    return {
        "model.onnx": _model(nodes, inputs, outputs, const),
        "signature.json": json.dumps({"outputs": [{"name": "rating"}]}).encode(),
        "seen.arrow": sink.getvalue().to_pybytes(),
        "popular.json": json.dumps({"items": ["c", "a"]}).encode(),
    }
