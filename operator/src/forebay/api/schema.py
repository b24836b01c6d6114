"""Judges an object as an API server with our CRDs would, and says all that is wrong with it at once.

The embedded plane calls it for every write, `forebay validate` and `forebay run` before anything is
created. Order as on a server: defaults, then structure and bounds, then the CEL rules.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from forebay.api import cel, defaults, messages
from forebay.api.kinds import KINDS
from forebay.api.messages import Path, path_text
from forebay.api.strict import validator_for
from forebay.api.structural import LIST_TYPE, RULES, Schema, schema_of
from forebay.api.v1alpha1 import API_VERSION
from forebay.errors import Cause

Obj = dict[str, Any]

_TOO_LARGE = {"maxItems", "maxProperties", "maxLength"}
_MISSING = object()


def with_defaults(obj: Mapping[str, Any]) -> Obj:
    """A copy of the object with the defaults of its kind; an object of another kind comes back as it is."""
    filled = copy.deepcopy(dict(obj))
    if filled.get("kind") in KINDS:
        defaults.apply(schema_of(filled["kind"]), filled)
    return filled


def validate(obj: Any, old: Mapping[str, Any] | None = None) -> list[Cause]:
    """All that is wrong with an object, or []. With `old` also what may not change in an update."""
    if not isinstance(obj, Mapping):
        return [Cause("", "is not an object: write apiVersion, kind, metadata and spec")]
    causes = _frame(obj)
    kind = obj.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        return causes
    value = with_defaults(obj)
    errors = list(validator_for(kind).iter_errors(value))
    for error in errors:
        causes += messages.causes_of(error, lambda name: _parents(kind).get(name, ()))
    if not any(
        error.validator in _TOO_LARGE for error in errors
    ):  # as a server: rules cost by size
        before = _MISSING if old is None else with_defaults(old)
        walk = _Walk(broken=(*_broken(errors), *_unnamed(value)))
        causes += walk.node(schema_of(kind), value, before, ())
    return list(dict.fromkeys(causes))


def _frame(obj: Mapping[str, Any]) -> list[Cause]:
    causes = []
    version, kind = obj.get("apiVersion"), obj.get("kind")
    if version != API_VERSION:
        said = "is required" if version is None else f"is {messages.show(version)}"
        causes.append(Cause("apiVersion", f"{said}: write {API_VERSION}"))
    if kind is None:
        causes.append(Cause("kind", f"is required: one of {', '.join(KINDS)}"))
    elif not isinstance(kind, str) or kind not in KINDS:
        alike = messages.closest(str(kind), KINDS)
        cure = f"did you mean {alike}? " if alike else ""
        causes.append(
            Cause("kind", f"is {messages.show(kind)}: {cure}Forebay's kinds: {', '.join(KINDS)}")
        )
    metadata = obj.get("metadata")
    if (
        isinstance(metadata, Mapping)
        and not metadata.get("name")
        and not metadata.get("generateName")
    ) or metadata is None:
        causes.append(Cause("metadata.name", "is required: give the object a name"))
    return causes


def _broken(errors: Sequence[Any]) -> Iterator[Path]:
    """Places whose structure is wrong; an unknown field disturbs no rule."""
    for error in errors:
        if error.validator != "additionalProperties":
            yield tuple(error.absolute_path)


def _unnamed(obj: Obj) -> Iterator[Path]:
    """Without a name (a server makes one of generateName) the rules about names say nothing."""
    metadata = obj.get("metadata")
    if not isinstance(metadata, Mapping) or "name" not in metadata:
        yield ("metadata", "name")


@cache
def _parents(kind: str) -> Mapping[str, tuple[str, ...]]:
    """For each field name of a kind's spec: the places that have it, the shallowest first."""
    found: dict[str, list[str]] = {"spec": [""]}

    def visit(schema: Schema, path: Path) -> None:
        for name, child in schema.get("properties", {}).items():
            found.setdefault(name, []).append(path_text(path))
            visit(child, (*path, name))

    visit(schema_of(kind)["properties"]["spec"], ("spec",))
    return {name: tuple(sorted(at, key=lambda p: p.count("."))) for name, at in found.items()}


@dataclass(frozen=True)
class _Walk:
    """One pass over an object for its rules and the uniqueness of list keys."""

    broken: tuple[Path, ...]

    def node(self, schema: Schema, value: Any, old: Any, path: Path) -> list[Cause]:
        """What the rules of this node and of all below say."""
        causes = [
            cause for rule in schema.get(RULES, ()) for cause in self._rule(rule, value, old, path)
        ]
        if isinstance(value, dict):
            causes += self._object(schema, value, old, path)
        elif isinstance(value, list) and "items" in schema:
            causes += self._duplicates(schema, value, path)
            for index, item in enumerate(value):
                causes += self.node(schema["items"], item, _MISSING, (*path, index))
        return causes

    def _object(self, schema: Schema, value: Obj, old: Any, path: Path) -> list[Cause]:
        fields, rest = schema.get("properties", {}), schema.get("additionalProperties")
        causes: list[Cause] = []
        for name, item in value.items():
            child = fields.get(name, rest)
            if isinstance(child, dict):
                before = old.get(name, _MISSING) if isinstance(old, dict) else _MISSING
                causes += self.node(child, item, before, (*path, name))
        return causes

    def _rule(self, rule: Mapping[str, str], value: Any, old: Any, path: Path) -> list[Cause]:
        transition = cel.is_transition(rule["rule"])
        if transition and old is _MISSING:
            return []
        # The rules of the root are about the name; a server has no field path for it either.
        at = path_text(path) + rule.get("fieldPath", "") or "metadata.name"
        try:
            ok = cel.holds(rule["rule"], value, None if old is _MISSING else old)
        except cel.CelError as error:
            if any(place[: len(path)] == path for place in self.broken):
                return []  # the structural error is reported already and is the cause of this one
            return [Cause(at, f"{rule['message']} ({error})")]
        return [] if ok else [Cause(at, rule["message"])]

    @staticmethod
    def _duplicates(schema: Schema, value: list[Any], path: Path) -> list[Cause]:
        if schema.get(LIST_TYPE) != "map":
            return []
        names = schema["x-kubernetes-list-map-keys"]
        seen: set[tuple[Any, ...]] = set()
        causes = []
        for index, item in enumerate(value):
            key = (
                tuple(str(item.get(name)) for name in names) if isinstance(item, dict) else (index,)
            )
            if key in seen:
                causes.append(
                    Cause(
                        path_text((*path, index)),
                        f"{' '.join(names)} {' '.join(map(str, key))} is there twice: give each its own",
                    )
                )
            seen.add(key)
        return causes
