"""What a spec asks of a store that the store cannot do, by what its last probe told. Pure.

Called before anything of a pipeline is started: better no training than one whose result cannot be kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from forebay.kube.port import Obj
from forebay.plan.fieldpath import field_of

Stores = Mapping[str, Obj | None]


class Use(NamedTuple):
    """A block with a storeRef, the field of it that asks for a capability ("" for the block itself), and what lacks."""

    block: str
    field: str
    capability: str
    lack: str


_SINKS = ("ingest.to", "preprocess.to", "predict.to")
_USES = (
    *(Use(sink, "table", "tables", "takes no tables") for sink in _SINKS),
    *(Use(sink, "ttl", "ttl", "cannot forget rows by age") for sink in _SINKS),
    Use("publish", "", "blobs", "keeps no artefacts"),
    Use("workspace", "", "blobs", "keeps no working files"),
)


def lacking(spec: Mapping[str, Any], stores: Stores) -> str | None:
    """The first field that its store cannot honour; None also where a store has not told what it can."""
    for use in _USES:
        path = f"{use.block}.{use.field}".rstrip(".")
        name = field_of(spec, f"{use.block}.storeRef.name")
        status = (stores.get(name) or {}).get("status") or {} if name else {}
        able = status.get("capabilities")
        if able is not None and field_of(spec, path) and use.capability not in able:
            return f"{path}: DataStore {name} {use.lack}"
    return None
