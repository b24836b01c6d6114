"""Defaults, applied as an API server applies them: before validation, nested, only where a parent is there."""

from __future__ import annotations

import copy
from typing import Any

from forebay.api.structural import Schema


def apply(schema: Schema, value: Any) -> None:
    """Fills `value` in place. A null where a default exists counts as left out."""
    if isinstance(value, dict):
        for name, child in schema.get("properties", {}).items():
            if "default" in child and not child.get("nullable") and value.get(name) is None:
                value[name] = copy.deepcopy(child["default"])
            if name in value:
                apply(child, value[name])
        values = schema.get("additionalProperties")
        if isinstance(values, dict):
            for item in value.values():
                apply(values, item)
    elif isinstance(value, list) and "items" in schema:
        for item in value:
            apply(schema["items"], item)
