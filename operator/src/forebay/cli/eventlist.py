"""Events, oldest first, as kubectl shows them. Called by `events.py` and `describe.py`. Pure but for the listing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from forebay.cli import age, table
from forebay.kube.port import EVENT, Kube, Obj


async def listed(kube: Kube, namespace: str | None = None, uid: str | None = None) -> list[Obj]:
    """Events, oldest first; those of one object when its `uid` is given."""
    found = await kube.list(EVENT, namespace)
    if uid is not None:
        found = [event for event in found if event.get("involvedObject", {}).get("uid") == uid]
    return sorted(found, key=lambda event: (_last(event), _order(event)))


def render(events: Sequence[Obj], now: datetime, *, with_object: bool = True) -> str:
    """The events' table."""
    header = ["LAST SEEN", "TYPE", "REASON", *(["OBJECT"] if with_object else []), "MESSAGE"]
    return table.render(header, [_row(event, now, with_object=with_object) for event in events])


def _row(event: Obj, now: datetime, *, with_object: bool) -> list[str]:
    about = event.get("involvedObject", {})
    count = int(event.get("count") or 1)
    seen = age.age(_last(event), now) + (f" (x{count})" if count > 1 else "")
    target = (
        [f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"] if with_object else []
    )
    return [seen, event.get("type", ""), event.get("reason", ""), *target, event.get("message", "")]


def _order(event: Obj) -> int:
    """Which of the events of one second came first."""
    return int(event["metadata"].get("resourceVersion") or 0)


def _last(event: Obj) -> str:
    return str(
        event.get("lastTimestamp")
        or event.get("eventTime")
        or event["metadata"].get("creationTimestamp")
        or ""
    )
