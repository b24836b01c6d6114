"""Server-side apply: which manager set which field, and what one apply makes of the stored object.

Pure; called by embedded.py. Semantics after the Kubernetes reference «Server-Side Apply»: a field that a
manager set before and leaves out now goes, unless another manager owns it too; a field that another
manager owns with another value is a conflict, or changes hands with `force`. Lists are atomic, except
the map lists below, whose items are merged by their key.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from forebay.errors import Cause

Path = tuple[str, ...]
Fields = frozenset[Path]

MAP_LISTS: Mapping[str, tuple[str, ...]] = {
    "conditions": ("type",),
    "stages": ("name",),
    "ownerReferences": ("uid",),
    "containerStatuses": ("name",),
}
"""Field name → the keys that name an item. The same for every kind that this port serves."""


@dataclass(frozen=True)
class Applied:
    """The outcome of an apply: the object, who owns what now, and the fields that others own differently."""

    value: dict[str, Any]
    owners: dict[str, Fields]
    conflicts: tuple[Cause, ...]


def apply(
    live: Mapping[str, Any],
    wanted: Mapping[str, Any],
    manager: str,
    owners: Mapping[str, Fields],
    *,
    force: bool,
) -> Applied:
    """Merges `wanted` into `live` for one manager. Nothing is to be stored when there are conflicts."""
    fields = frozenset(_leaves(wanted, ())) - {()}
    conflicts = _conflicts(live, wanted, manager, fields, owners)
    if conflicts and not force:
        return Applied(dict(live), dict(owners), tuple(conflicts))
    value = copy.deepcopy(dict(live))
    others = frozenset[Path]().union(*(f for m, f in owners.items() if m != manager))
    _take_away(value, owners.get(manager, frozenset()) - fields - others, fields | others)
    _merge(value, wanted)
    taken = {c.field for c in conflicts}
    kept = {
        m: frozenset(p for p in f if path_text(p) not in taken)
        for m, f in owners.items()
        if m != manager
    }
    return Applied(value, {**{m: f for m, f in kept.items() if f}, manager: fields}, ())


def path_text(path: Path) -> str:
    """`spec.conditions[{"type":"Ready"}].status`, as error messages show it."""
    text = ""
    for part in path:
        text += f"[{part[2:]}]" if part.startswith("k:") else f".{part[2:]}"
    return text.lstrip(".")


def _item_key(name: str, item: Any) -> str | None:
    keys = MAP_LISTS.get(name)
    if not keys or not isinstance(item, dict) or any(k not in item for k in keys):
        return None
    return "k:" + json.dumps({k: item[k] for k in keys}, sort_keys=True)


def _is_map_list(name: str, value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_item_key(name, item) for item in value)


def _leaves(value: Any, path: Path) -> Iterator[Path]:
    """The paths of all leaves; an empty object or list is a leaf itself."""
    name = path[-1][2:] if path else ""
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(below, (*path, f"f:{key}"))
    elif _is_map_list(name, value):
        for item in value:
            yield from _leaves(item, (*path, str(_item_key(name, item))))
    else:
        yield path


_ABSENT = object()


def _at(value: Any, path: Path) -> Any:
    for depth, part in enumerate(path):
        if part.startswith("k:"):
            name = path[depth - 1][2:]
            value = next((i for i in value if _item_key(name, i) == part), _ABSENT)
        else:
            value = value.get(part[2:], _ABSENT) if isinstance(value, dict) else _ABSENT
        if value is _ABSENT or (value is None and depth < len(path) - 1):
            return _ABSENT
        if (
            depth + 1 < len(path)
            and path[depth + 1].startswith("k:")
            and not isinstance(value, list)
        ):
            return _ABSENT
    return value


def _conflicts(
    live: Any, wanted: Any, manager: str, fields: Fields, owners: Mapping[str, Fields]
) -> list[Cause]:
    found: list[Cause] = []
    for other, owned in sorted(owners.items()):
        if other == manager:
            continue
        found += [
            Cause(path_text(path), f"conflict with manager {other!r}")
            for path in sorted(fields & owned)
            if _at(live, path) != _at(wanted, path)
        ]
    return found


def _take_away(value: Any, gone: Fields, kept: Fields) -> None:
    """Deletes leaves that nobody owns any more; what holds a kept leaf, or is one, stays."""
    holding = {path[:depth] for path in kept for depth in range(1, len(path) + 1)}
    for path in sorted(gone - holding, key=len, reverse=True):
        _remove(value, path, holding)


def _remove(value: Any, path: Path, holding: set[Path]) -> None:
    """Deletes one leaf, and the objects and lists that are empty without it; a key goes with its whole item."""
    parent = _at(value, path[:-1]) if len(path) > 1 else value
    if parent is _ABSENT:
        return
    part = path[-1]
    if isinstance(parent, list):
        name = path[-2][2:]
        parent[:] = [i for i in parent if _item_key(name, i) != part]
    elif len(path) > 1 and path[-2].startswith("k:") and part[2:] in json.loads(path[-2][2:]):
        _remove(value, path[:-1], holding)
        return
    elif isinstance(parent, dict):
        parent.pop(part[2:], None)
    else:  # something else took its place
        return
    if len(path) > 1 and path[:-1] not in holding and not parent:
        _remove(value, path[:-1], holding)


def _merge(value: dict[str, Any], wanted: Mapping[str, Any]) -> None:
    for key, new in wanted.items():
        old = value.get(key)
        if isinstance(new, dict) and isinstance(old, dict):
            _merge(old, new)
        elif (
            isinstance(new, list) and _is_map_list(key, old) and (not new or _is_map_list(key, new))
        ):
            _merge_items(key, old or [], new)
        else:
            value[key] = copy.deepcopy(new)


def _merge_items(name: str, old: list[Any], new: list[Any]) -> None:
    by_key = {_item_key(name, item): item for item in old}
    for item in new:
        key = _item_key(name, item)
        if key in by_key:
            _merge(by_key[key], item)
        else:
            old.append(copy.deepcopy(item))
