"""YAML and JSON text to plain values: what is read, what is refused, and on which line."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forebay.cli import yamltext
from forebay.cli.yamltext import Parsed, TextError, parse_json, parse_yaml


def one(text: str) -> Parsed:
    (parsed,) = parse_yaml(text)
    return parsed


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: 2024-01-31", {"a": "2024-01-31"}),
        ("a: 12:30", {"a": "12:30"}),
        ("a: 0.5", {"a": 0.5}),
        ("a: 1_000", {"a": 1000}),
        ("a: 010", {"a": 8}),
        ("a: 0x1F", {"a": 31}),
        ("a: -7", {"a": -7}),
        ("a: yes", {"a": True}),
        ("a: off", {"a": False}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: 'no'", {"a": "no"}),
        ("a: [1, {b: c}]", {"a": [1, {"b": "c"}]}),
        ("a: &x {b: 1}\nc: *x", {"a": {"b": 1}, "c": {"b": 1}}),
    ],
)
def test_values_are_those_of_json(text, value):
    assert one(text).value == value


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\nb: 2\na: 3", 3, "key 'a' is there twice, first on line 1"),
        ("a:\n  b: {c: 1, c: 2}", 2, "key 'c' is there twice, first on line 2"),
        (
            "a: !!python/object/apply:os.system [ls]",
            1,
            "tag tag:yaml.org,2002:python/object/apply:os.system",
        ),
        ("a: !!binary aGk=", 1, "tag:yaml.org,2002:binary is not allowed"),
        ("a: !mine b", 1, "tag !mine is not allowed"),
        ("a: &x [*x]", 1, "an alias contains itself"),
        ("x: &x {b: 1}\nc:\n  <<: *x", 3, "merge keys"),
        ("on: 1", 1, "key on reads as bool: quote it"),
        ("? [a]\n: 1", 1, "a key must be a string"),
        ("a: .nan", 1, "JSON has no such number"),
        ("a: -.inf", 1, "JSON has no such number"),
        ("a: [1\nb: 2", 2, "not YAML"),
        ("a: *nowhere", 1, "undefined alias"),
        ("a:\n\t- 1", 2, "not YAML"),
        ("a: '\x07'", 1, "not YAML"),
        ("[" * 500_000 + "]" * 500_000, 1, "nested deeper than 100 levels"),
    ],
)
def test_what_is_refused_is_named_with_its_line(text, line, message):
    with pytest.raises(TextError) as error:
        one(text)
    assert error.value.line == line
    assert message in error.value.message


def test_F61_aliases_that_multiply_are_cut_off(monkeypatch):
    monkeypatch.setattr(yamltext, "MAX_NODES", 10_000)
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    with pytest.raises(TextError, match="aliases expand to more than"):
        one("\n".join(levels))


def test_each_document_of_a_stream_knows_its_lines():
    first, second = parse_yaml(
        "kind: A\n---\n# nothing\n---\nkind: B\nspec:\n  list:\n  - name: x\n    size: 3\n"
    )
    assert first.value == {"kind": "A"}
    assert second.line == 5
    assert second.line_of("spec.list[0].size") == 9


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("spec.train.params.lr", 4),
        ("spec.train.params", 3),
        ("spec.train.nothing", 2),
        ("status.x", 1),
        ("", 1),
    ],
)
def test_a_field_that_is_not_there_has_its_parents_line(path, line):
    assert one("spec:\n  train:\n    params:\n      lr: 1").line_of(path) == line


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ('{"a": 1,\n "a": 2}', 1, "key 'a' is there twice"),
        ('{"a":\n}', 2, "not JSON"),
        ('{"a": NaN}', 1, "NaN is not a JSON number"),
    ],
)
def test_wrong_json_is_named_with_its_line(text, line, message):
    with pytest.raises(TextError) as error:
        list(parse_json(text))
    assert error.value.line == line
    assert message in error.value.message


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_but_never_breaks(text):
    with contextlib.suppress(TextError):
        list(parse_yaml(text))
