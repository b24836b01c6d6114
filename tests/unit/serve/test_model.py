import pickle

import onnx
import pytest

from forebay_workloads.errors import DataError
from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.model import MAX_ROWS, OnnxModel
from tests.unit.serve.graphs import factors, linear


def test_each_row_gets_its_answer_in_order():
    rows = [{"x": 1}, {"x": 2.5}]
    assert OnnxModel(linear()).predict_rows(rows) == [{"y": 3.0}, {"y": 6.0}]


def test_outputs_outside_the_signature_stay_internal():
    model = OnnxModel(factors())
    assert [o.name for o in model.outputs] == ["rating"]
    assert model.predict_rows([{"user": "ann", "item": "b"}]) == [{"rating": 3.0}]


def test_an_id_may_arrive_as_a_number():
    assert OnnxModel(factors()).predict_rows([{"user": 7, "item": "b"}]) == [{"rating": 0.0}]


@pytest.mark.parametrize(
    ("rows", "field", "word"),
    [
        ("x", "inputs", "list"),
        ([], "inputs", "at least one"),
        ([3], "inputs[0]", "object"),
        ([{"x": 1}, {}], "inputs[1].x", "missing"),
        ([{"x": 1, "z": 2}], "inputs[0].z", "not an input"),
        ([{"x": 1}, {"x": "two"}], "inputs[1].x", "number"),
        ([{"x": None}], "inputs[0].x", "null"),
        ([{"x": True}], "inputs[0].x", "number"),
        ([{"x": float("nan")}], "inputs[0].x", "finite"),
        ([{"x": [1]}], "inputs.x", "dimension"),
        ([{"x": 1}, {"x": [1]}], "inputs.x", ""),
    ],
)
def test_a_bad_row_is_refused_with_the_field_that_is_wrong(rows, field, word):
    with pytest.raises(RequestError) as caught:
        OnnxModel(linear()).predict_rows(rows)
    assert caught.value.field == field
    assert word in caught.value.message


def test_too_many_rows_are_refused_before_the_model_runs():
    with pytest.raises(RequestError) as caught:
        OnnxModel(linear()).predict_rows([{"x": 1}] * (MAX_ROWS + 1))
    assert caught.value.status == 413


@pytest.mark.parametrize("files", [{}, {"model.onnx": b"not a graph"}])
def test_a_broken_artefact_says_so(files):
    with pytest.raises(DataError) as caught:
        OnnxModel(files)
    assert caught.value.reason == "ModelLoadFailed"


class Bomb:
    """What leaves a file behind when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return open, (str(self.file), "w")


def test_F51_a_pickle_in_the_place_of_a_graph_is_refused_unread(tmp_path):
    left = tmp_path / "left"
    with pytest.raises(DataError) as caught:
        OnnxModel({"model.onnx": pickle.dumps(Bomb(left))})
    assert caught.value.reason == "ModelLoadFailed"
    assert not left.exists()


@pytest.mark.parametrize("tensor", ["users", "items", "matrix"])
@pytest.mark.parametrize("place", ["weights.bin", "../{}/weights.bin"])
def test_F51_a_graph_cannot_read_a_file_of_the_pod(tmp_path, monkeypatch, tensor, place):
    monkeypatch.chdir(tmp_path)
    files = factors()
    graph = onnx.load_from_string(files["model.onnx"])
    (weight,) = (one for one in graph.graph.initializer if one.name == tensor)
    (tmp_path / "weights.bin").write_bytes(weight.raw_data)
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value=place.format(tmp_path.name))
    with pytest.raises(DataError) as caught:
        OnnxModel({**files, "model.onnx": graph.SerializeToString()})
    assert caught.value.reason == "ModelLoadFailed"


def test_F54_a_model_that_answers_nan_is_never_served():
    with pytest.raises(DataError, match="NaN"):
        OnnxModel(linear(float("nan"))).check()
