"""What is said about an invalid field: what is wrong, and the cure. One small function for each keyword.

Called by `schema` with the errors of the JSON Schema validator. Never repeats more than a short piece of
the value, so that a secret written into a wrong place does not travel far.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from forebay.errors import Cause

SHOWN = 40  # characters of a value that a message may repeat

Path = tuple[str | int, ...]


def path_text(path: Iterable[str | int]) -> str:
    """`spec.triggers[0].name`; a key that is no plain word stands in brackets."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.replace("_", "").isalnum():
            text += f".{part}" if text else part
        else:
            text += f"[{part}]"
    return text


def closest(word: str, words: Iterable[str]) -> str | None:
    """The word that was probably meant, or None."""
    by_lower = {candidate.lower(): candidate for candidate in words}
    found = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def show(value: Any) -> str:
    """A value as JSON, cut short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"


def _about(schema: dict[str, Any]) -> str:
    description = schema.get("description")
    return f" ({description.rstrip('.')})" if description else ""


def unknown_field(name: str, schema: dict[str, Any], elsewhere: Sequence[str]) -> str:
    """Names what was probably meant: a field alike, a parameter, or the place where the field belongs."""
    known = schema.get("properties", {})
    if name == "namespace":
        return "unknown field; a reference stays in its object's own namespace: remove it"
    alike = closest(name, known)
    if alike:
        return f"unknown field; did you mean {alike}?"
    if elsewhere:
        return f"unknown field here; {name} belongs to {elsewhere[0] or 'the top level'}: check the indentation"
    if "params" in known:
        return f'unknown field; a parameter of the recipe goes under params: {{{name}: "…"}}'
    return f"unknown field; remove it or take one of {', '.join(known)}"


def _wants_string(value: Any) -> str:
    if isinstance(value, bool):
        word = str(value).lower()
        bare = "YAML reads bare yes, no, on, off, true, false so"
        return f"is {word}, must be a string: write it in quotes ({bare})"
    if isinstance(value, int | float):
        return f'is the number {show(value)}, must be a string: write "{value}" in quotes'
    return f"is {_kind(value)}, must be a string"


def _kind(value: Any) -> str:
    names: dict[type, str] = {
        dict: "a mapping",
        list: "a list",
        str: "a string",
        bool: "true or false",
    }
    return names.get(type(value), f"the number {show(value)}")


_WANTED = {
    "object": "a mapping of fields",
    "array": "a list: put it in [ ] or behind a dash",
    "integer": "a whole number without quotes",
    "number": "a number without quotes",
    "boolean": "true or false without quotes",
}


def _type(error: Any) -> str:
    wanted, value = error.validator_value, error.instance
    if value is None:
        cure = "give a value or remove the line"
        if wanted == "object":
            fields = ", ".join(error.schema.get("required", ()))
            cure = f"give {fields}" if fields else "write {} for all defaults, or remove the line"
        return f"is empty: {cure}"
    if wanted == "string":
        return _wants_string(value)
    if isinstance(wanted, list):
        return f"is {_kind(value)}, must be {' or '.join(wanted)}"
    shown = f"the string {show(value)}" if isinstance(value, str) else _kind(value)
    return f"is {shown}, must be {_WANTED[wanted]}"


def _enum(error: Any) -> str:
    allowed = [str(word) for word in error.validator_value]
    alike = closest(str(error.instance), allowed)
    cure = f"did you mean {alike}? " if alike else ""
    return f"is {show(error.instance)}: {cure}allowed: {', '.join(allowed)}"


def _pattern(error: Any) -> str:
    pattern = error.validator_value.removesuffix(r"\Z") + "$"
    return f"is {show(error.instance)}, which does not match {pattern}{_about(error.schema)}"


_SAY: dict[str, Callable[[Any], str]] = {
    "type": _type,
    "enum": _enum,
    "pattern": _pattern,
    "minLength": lambda e: (
        f"is too short: at least {e.validator_value} characters{_about(e.schema)}"
    ),
    "maxLength": lambda e: (
        f"has {len(e.instance)} characters, at most {e.validator_value} are allowed"
    ),
    "minItems": lambda e: (
        f"has {len(e.instance)} items, at least {e.validator_value} are needed{_about(e.schema)}"
    ),
    "maxItems": lambda e: f"has {len(e.instance)} items, at most {e.validator_value} are allowed",
    "maxProperties": lambda e: (
        f"has {len(e.instance)} entries, at most {e.validator_value} are allowed"
    ),
    "minimum": lambda e: f"is {e.instance}, must be at least {e.validator_value}{_about(e.schema)}",
    "maximum": lambda e: f"is {e.instance}, must be at most {e.validator_value}{_about(e.schema)}",
}


def _missing(error: Any, path: Path) -> list[Cause]:
    fields = error.schema.get("properties", {})
    return [
        Cause(path_text((*path, name)), f"is required{_about(fields.get(name, {}))}")
        for name in error.validator_value
        if name not in error.instance
    ]


def causes_of(error: Any, elsewhere: Callable[[str], Sequence[str]]) -> list[Cause]:
    """What one error of the validator says; `elsewhere` tells the parents of a field name in this kind."""
    path: Path = tuple(error.absolute_path)
    if error.validator == "required":
        return _missing(error, path)
    if error.validator == "additionalProperties":
        known = error.schema.get("properties", {})
        return [
            Cause(
                path_text((*path, name)),
                unknown_field(str(name), error.schema, elsewhere(str(name))),
            )
            for name in error.instance
            if name not in known
        ]
    return [Cause(path_text(path), _SAY[error.validator](error))]
