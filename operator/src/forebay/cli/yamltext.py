"""YAML and JSON text to plain values, with the line of every field. Called by `sources.py`.

Reads as Kubernetes does: only JSON's types come out, timestamps stay strings, duplicate keys are refused.
Builds no Python objects from tags and expands aliases only up to a fixed number of nodes. No file I/O here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import yaml

MAX_NODES = 1_000_000  # values of one document, aliases expanded; 1 MiB of plain YAML has fewer
MAX_DEPTH = (
    100  # the C loader recurses without a limit of its own: deep nesting would end the process
)
_TAG = "tag:yaml.org,2002:"
_LOADER: Any = getattr(
    yaml, "CSafeLoader", yaml.SafeLoader
)  # the C one where PyYAML was built with it


class TextError(Exception):
    """The text cannot be read: what is wrong, and on which line (from 1)."""

    def __init__(self, line: int, message: str) -> None:
        self.line = line
        self.message = message
        super().__init__(f"{line}: {message}")


@dataclass(frozen=True)
class Parsed:
    """One document: its value, its first line and the line of each field path (`spec.triggers[0].name`)."""

    value: Any
    line: int = 1
    lines: dict[str, int] = field(default_factory=dict)

    def line_of(self, path: str) -> int:
        """The line of a field, or of the nearest parent that is there."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.line


def child(path: str, key: str | int) -> str:
    """The path of a field below `path`, as the API server writes it."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def parse_yaml(text: str) -> Iterator[Parsed]:
    """The documents of a YAML stream; empty ones are left out. Raises TextError."""
    try:
        _check_depth(text)
        for node in yaml.compose_all(text, Loader=_LOADER):
            if node is None or node.tag == f"{_TAG}null":
                continue
            yield _Walk().document(node)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(part for part in (error.context, error.problem) if part)
        raise TextError(mark.line + 1 if mark else 1, f"not YAML: {problem}") from error
    except yaml.YAMLError as error:
        raise TextError(1, f"not YAML: {' '.join(str(error).split())}") from error


def _check_depth(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(
            event, yaml.CollectionEndEvent
        )
        if depth > MAX_DEPTH:
            line = event.start_mark.line + 1 if event.start_mark else 1
            raise TextError(line, f"nested deeper than {MAX_DEPTH} levels")


def parse_json(text: str) -> Iterator[Parsed]:
    """The one document of a JSON text. Raises TextError."""
    try:
        yield Parsed(json.loads(text, object_pairs_hook=_object, parse_constant=_constant))
    except json.JSONDecodeError as error:
        raise TextError(error.lineno, f"not JSON: {error.msg}") from error
    except RecursionError as error:
        raise TextError(1, f"nested deeper than {MAX_DEPTH} levels") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that comes twice is an error."""
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise TextError(1, f"key {key!r} is there twice in one object")
        seen[key] = value
    return seen


def _constant(name: str) -> Any:
    raise TextError(1, f"{name} is not a JSON number")


class _Walk:
    """Turns one composed document into values; counts nodes so that aliases cannot explode."""

    def __init__(self) -> None:
        self._nodes = 0
        self._open: set[int] = set()
        self._lines: dict[str, int] = {}

    def document(self, root: yaml.Node) -> Parsed:
        value = self._value(root, "")
        return Parsed(value, root.start_mark.line + 1, self._lines)

    def _value(self, node: yaml.Node, path: str) -> Any:
        self._nodes += 1
        line = node.start_mark.line + 1
        if self._nodes > MAX_NODES:
            raise TextError(line, f"aliases expand to more than {MAX_NODES:,} values")
        if id(node) in self._open:
            raise TextError(line, "an alias contains itself")
        self._lines.setdefault(path, line)
        if isinstance(node, yaml.ScalarNode):
            return _scalar(node)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.SequenceNode):
                _check_tag(node, "seq")
                return [self._value(item, child(path, i)) for i, item in enumerate(node.value)]
            return self._mapping(node, path)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.Node, path: str) -> dict[str, Any]:
        _check_tag(node, "map")
        found: dict[str, Any] = {}
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            key, line = _key(key_node), key_node.start_mark.line + 1
            if key in first:
                raise TextError(line, f"key {key!r} is there twice, first on line {first[key]}")
            first[key] = line
            self._lines[child(path, key)] = line
            found[key] = self._value(value_node, child(path, key))
        return found


def _check_tag(node: yaml.Node, kind: str) -> None:
    if node.tag != f"{_TAG}{kind}":
        raise TextError(node.start_mark.line + 1, f"tag {node.tag} is not allowed")


def _key(node: yaml.Node) -> str:
    line = node.start_mark.line + 1
    if node.tag == f"{_TAG}merge":
        raise TextError(line, "merge keys (<<) are not supported: write the fields out")
    if not isinstance(node, yaml.ScalarNode):
        raise TextError(line, "a key must be a string")
    if node.tag != f"{_TAG}str":
        raise TextError(line, f"key {node.value} reads as {node.tag.removeprefix(_TAG)}: quote it")
    return str(node.value)


def _scalar(node: yaml.ScalarNode) -> Any:
    """A value of JSON's types; what only YAML 1.1 knows (dates, base 60) stays the text it is."""
    kind, text, line = node.tag.removeprefix(_TAG), str(node.value), node.start_mark.line + 1
    if kind in ("str", "timestamp", "value") or (kind in ("int", "float") and ":" in text):
        return text
    if kind == "null":
        return None
    try:
        return _CONSTRUCT[kind](text)
    except KeyError as error:
        raise TextError(line, f"tag {node.tag} is not allowed") from error
    except ValueError as error:
        raise TextError(line, f"{text!r} is not a {kind}: {error}") from error


def _bool(text: str) -> bool:
    return yaml.SafeLoader.bool_values[text.lower()]


def _int(text: str) -> int:
    text = text.replace("_", "")
    digits = text.lstrip("+-")
    octal = len(digits) > 1 and digits[0] == "0" and digits.isdigit()
    return int(text, 8) if octal else int(text, 0)


def _float(text: str) -> float:
    value = float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan").lower())
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124 - NaN differs from itself
        raise ValueError("JSON has no such number")
    return value


_CONSTRUCT: dict[str, Any] = {"bool": _bool, "int": _int, "float": _float}
