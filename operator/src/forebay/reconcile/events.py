"""Events of the core API: written after the status, counted instead of repeated. Called by recorder.py."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from forebay.errors import AlreadyExists, KubeError
from forebay.kube.port import Kube, Obj, Ref
from forebay.manifests.names import child_name, short_hash
from forebay.plan.conditions import cut
from forebay.plan.times import stamp
from forebay.plan.types import Event

log = structlog.get_logger(__name__)
COMPONENT = "forebay"
MESSAGE_LIMIT = 1024  # characters, as the API server cuts them


async def write(kube: Kube, wished: Obj) -> None:
    """Writes an event, or raises the count of the same one. A failure is logged, not raised."""
    try:
        try:
            await kube.create(wished)
        except AlreadyExists:
            await kube.apply(await _once_more(kube, wished))
    except KubeError as error:  # the status has said it already; an event is a courtesy
        log.warning("event not recorded", reason=wished["reason"], error=str(error))


async def _once_more(kube: Kube, wished: Obj) -> Obj:
    before = await kube.get(Ref.of(wished)) or wished
    first = before.get("firstTimestamp") or wished["firstTimestamp"]
    return {**wished, "count": int(before.get("count") or 1) + 1, "firstTimestamp": first}


def build(obj: Obj, event: Event, now: datetime) -> Obj:
    """The Event object; equal events about one object have one name."""
    meta = obj["metadata"]
    namespace = meta.get("namespace", "default")
    message = cut(event.message, MESSAGE_LIMIT)
    key = short_hash(meta["uid"], event.type, event.reason, message)
    about: dict[str, Any] = {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "name": meta["name"],
        "namespace": namespace,
        "uid": meta["uid"],
    }
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": child_name(meta["name"], key), "namespace": namespace},
        "involvedObject": about,
        "type": event.type,
        "reason": str(event.reason),
        "message": message,
        "count": 1,
        "firstTimestamp": stamp(now),
        "lastTimestamp": stamp(now),
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
    }
