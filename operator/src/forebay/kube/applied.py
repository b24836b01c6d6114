"""Is an object already what an apply would make of it? Pure. Called by cached.py.

An apply that changes nothing is a write all the same, for the server and for its audit log. Two questions: does
everything that is wished stand there, and does our field manager own nothing that is no longer wished? A doubt
counts as no: then the server decides. What is owned as a whole (nodeSelector, tolerations, lists of custom
resources) has to be equal: what was taken out of it shows nowhere else, and a default in it costs one apply.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from forebay.kube.port import FIELD_MANAGER, Obj

_AMOUNTS = frozenset({"requests", "limits", "hard", "capacity"})  # below these stand quantities
_QUANTITY = re.compile(r"([0-9.]+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_UNITS = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def is_applied(wished: Obj, actual: Obj) -> bool:
    """Whether an apply of `wished` would change nothing. `actual` needs our entry of managedFields."""
    owned = _owned(actual)
    plain = {key: value for key, value in wished.items() if key != "status"}
    return owned is not None and _stands(plain, actual) and _wishes(owned, wished, actual)


def _owned(actual: Obj) -> Mapping[str, Any] | None:
    """The fields that our applies own, as FieldsV1; None when we have never applied the object."""
    for entry in actual["metadata"].get("managedFields") or []:
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours and not entry.get("subresource") and isinstance(entry.get("fieldsV1"), dict):
            fields: Mapping[str, Any] = entry["fieldsV1"]
            return fields
    return None


def _stands(wished: Any, actual: Any, *, amount: bool = False) -> bool:
    """Whether all of `wished` is in `actual`, which may have more: defaults, and fields of others."""
    if isinstance(wished, dict):
        return (isinstance(actual, dict) or not wished) and all(
            _stands(value, (actual or {}).get(key), amount=amount or key in _AMOUNTS)
            for key, value in wished.items()
        )
    if isinstance(wished, list):
        return (isinstance(actual, list) or not wished) and _all_stand(wished, actual or [])
    return bool(wished == actual or (amount and _same_amount(wished, actual)))


def _all_stand(wished: list[Any], actual: list[Any]) -> bool:
    if not all(isinstance(item, dict) and "name" in item for item in wished):
        return len(wished) == len(actual) and all(map(_stands, wished, actual))
    named = {item.get("name"): item for item in actual if isinstance(item, dict)}
    return all(_stands(item, named.get(item["name"])) for item in wished)


def _same_amount(one: Any, other: Any) -> bool:
    first, second = (_QUANTITY.fullmatch(str(value)) for value in (one, other))
    if first is None or second is None:
        return False
    sizes = [Decimal(found[1]) * _UNITS[found[2] or ""] for found in (first, second)]
    return sizes[0] == sizes[1]


def _wishes(owned: Mapping[str, Any], wished: Any, actual: Any) -> bool:
    """Whether every field of the FieldsV1 tree `owned` is in `wished`, and where the tree ends all of it."""
    if not owned:
        return _stands(actual, wished, amount=True)
    for key, below in owned.items():
        if key == ".":
            continue
        found, value = _step(key, wished)
        if not found or not _wishes(below, value, _step(key, actual)[1]):
            return False
    return True


def _step(key: str, value: Any) -> tuple[bool, Any]:
    """One step down: a field (f:), an item of a list by its keys (k:) or by its value (v:)."""
    kind, _, name = key.partition(":")
    if kind == "f":
        return isinstance(value, dict) and name in value, (value or {}).get(name)
    if not isinstance(value, list):
        return False, None
    looked_for = json.loads(name)
    if kind == "v":
        return looked_for in value, None
    for item in value if kind == "k" else []:
        if all(item.get(k, v) == v for k, v in looked_for.items()):
            return True, item
    return False, None
