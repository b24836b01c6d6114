"""A field of a spec by its path, `ingest.to.ttl`. Pure. Used by the plans that look for fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def field_of(spec: Mapping[str, Any], path: str) -> Any:
    """The value of a field by its path; None when it is not set."""
    node: Any = spec
    for key in path.split("."):
        if not isinstance(node, Mapping) or key not in node:
            return None
        node = node[key]
    return node
