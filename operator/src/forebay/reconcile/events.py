"""Events of the core API: written after the status, counted instead of repeated. Called by execute."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import structlog

from forebay.errors import KubeError
from forebay.kube.port import EVENT, Kube, Obj, Ref
from forebay.manifests.names import child_name, short_hash
from forebay.plan.conditions import cut
from forebay.plan.times import stamp
from forebay.plan.types import Event

log = structlog.get_logger(__name__)
COMPONENT = "forebay"
MESSAGE_LIMIT = 1024  # characters, as the API server cuts them


async def record(kube: Kube, obj: Obj, event: Event, now: datetime) -> None:
    """Writes an event about `obj`, or raises the count of the same one. A failure is logged, not raised."""
    try:
        wished = build(obj, event, now)
        before = await kube.get(
            Ref(EVENT, wished["metadata"]["namespace"], wished["metadata"]["name"])
        )
        if before is not None:
            wished["count"] = int(before.get("count") or 1) + 1
            wished["firstTimestamp"] = before.get("firstTimestamp") or wished["firstTimestamp"]
        await kube.apply(wished)
    except KubeError as error:  # the status has said it already; an event is a courtesy
        log.warning("event not recorded", reason=event.reason, error=str(error))


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
