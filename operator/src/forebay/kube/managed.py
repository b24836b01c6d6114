"""`metadata.managedFields` as the embedded API keeps it: which manager set which fields, per subresource.

Pure; called by embedded.py. Paths are those of ssa.py, not the `f:` trees of a real server.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from forebay.kube.port import Obj
from forebay.kube.ssa import Fields


def owners(live: Obj | None, subresource: str | None) -> dict[str, Fields]:
    """Who owns what of an object, or of its status."""
    entries = live["metadata"].get("managedFields") or [] if live else []
    return {
        entry["manager"]: frozenset(tuple(json.loads(p)) for p in entry["fieldsV1"]["paths"])
        for entry in entries
        if entry.get("subresource") == subresource
    }


def set_owners(
    value: Obj, subresource: str | None, these: Mapping[str, Fields], rest: Mapping[str, Fields]
) -> None:
    """Notes the owners of one half of the object; `rest` are those of the other half."""
    other = None if subresource else "status"
    value["metadata"]["managedFields"] = [
        *_entries(value, these, subresource),
        *_entries(value, rest, other),
    ]


def _entries(value: Obj, these: Mapping[str, Fields], subresource: str | None) -> list[Obj]:
    extra = {"subresource": subresource} if subresource else {}
    return [
        {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": value["apiVersion"],
            "fieldsType": "Paths",
            "fieldsV1": {"paths": sorted(json.dumps(p) for p in fields)},
            **extra,
        }
        for manager, fields in sorted(these.items())
    ]
