"""What a stage says of its progress is read with suspicion."""

import json

import pytest

from forebay.endpoints.report import parse
from forebay.plan.progress import progress_status
from forebay_workloads.contract import Progress


def test_what_a_stage_sends_arrives_as_it_was():
    sent = Progress("train", 62.5, 240, 10, 20, 8000.5, 3, 20, {"loss": 0.81, "val/rmse": -1.5})
    assert parse(sent.to_json().encode(), "train") == sent
    sent = Progress("stream", reason="StoreUnreachable", message="no route")
    assert parse(sent.to_json().encode(), "stream") == sent


def test_words_are_one_printable_line_of_limited_length():
    body = json.dumps(
        {"step": "stream", "reason": "r" * 99, "message": "a\nb\x1b[31m" + "c" * 5000}
    )
    found = parse(body.encode(), "stream")
    assert len(found.reason) == 63
    assert found.message.startswith("a b [31mccc")
    assert len(found.message) == 1024
    with pytest.raises(ValueError, match="not a text"):
        parse(b'{"step": "stream", "reason": 3}', "stream")


def test_a_newer_stage_may_say_more():
    assert parse(b'{"step": "train", "mood": "good", "rows": null}', "train") == Progress("train")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"train"',
        b"{}",
        b'{"step": 3}',
        b'{"step": "evaluate"}',
        b'{"step": "train", "percent": "62"}',
        b'{"step": "train", "percent": true}',
        b'{"step": "train", "percent": NaN}',
        b'{"step": "train", "percent": 1e999}',
        b'{"step": "train", "rows": -1}',
        b'{"step": "train", "rows": 1e300}',
        b'{"step": "train", "rows": [1]}',
        b'{"step": "train", "metrics": [1]}',
        b'{"step": "train", "metrics": {"loss": "0.8"}}',
        b'{"step": "train", "metrics": {"loss": Infinity}}',
        b'{"step": "train", "metrics": {"loss": 1' + b"0" * 400 + b"}}",
        b'{"step": "train", "percent": 1' + b"0" * 400 + b"}",
        b'{"step": "train", "metrics": {"": 1}}',
        b'{"step": "train", "metrics": {"<script>": 1}}',
        b'{"step": "train", "metrics": {"a b": 1}}',
        json.dumps({"step": "train", "metrics": {f"m{n}": n for n in range(65)}}).encode(),
        json.dumps({"step": "train", "metrics": {"m" * 64: 1}}).encode(),
        b'{"step": ' * 8000,
        b"[" * 16000,
        b'{"step": "train", "rows": ' + b"9" * 15000 + b"}",
    ],
)  # fmt: skip
def test_S24_garbage_is_refused_by_one_error(body):
    with pytest.raises(ValueError):
        parse(body, "train")


def test_what_was_accepted_can_be_shown():
    body = b'{"step": "train", "percent": 1e15, "eta_seconds": 0.0001, "metrics": {"a": 1e300}}'
    shown = progress_status(parse(body, "train"), "now")
    assert shown["percent"] == 100
    assert shown["metrics"] == [{"name": "a", "value": "1e+300"}]
