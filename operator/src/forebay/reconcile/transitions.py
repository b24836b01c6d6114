"""What a pass changed in an object's state: one line of the log for each change, none for a pass without one.

Called by the loop after the status was written. The same two states are what metrics count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import structlog

from forebay.kube.port import Ref

log = structlog.get_logger(__name__)
Status = Mapping[str, Any]
_ENDED = ("Succeeded", "Failed")
_SHOWN = 256  # characters of a message in the log


class Witness(Protocol):
    """Told of the status before and after each pass."""

    def __call__(self, ref: Ref, before: Status, after: Status | None) -> None:
        """`after` is None when the object is gone."""


def tell(before: Status, after: Status) -> None:
    """Logs that the object's state is another one."""
    old, new = _ready(before), _ready(after)
    if new and (old.get("status"), old.get("reason")) != (new.get("status"), new.get("reason")):
        say = log.warning if state(after) in ("Failed", "Stalled") else log.info
        message = str(new.get("message") or "")[:_SHOWN]
        say("state", state=state(after), reason=new.get("reason"), message=message)


def state(status: Status) -> str:
    """One word: the phase where there is one, else what the conditions come to."""
    if status.get("phase"):
        return str(status["phase"])
    if _holds(status, "Stalled"):
        return "Stalled"
    return "Ready" if _holds(status, "Ready") else "Progressing"


def ended_stages(before: Status, after: Status) -> Iterator[tuple[str, str]]:
    """(stage, reason) of each stage that this pass recorded as ended."""
    known = {e["name"] for e in before.get("stages") or [] if e.get("state") in _ENDED}
    for entry in after.get("stages") or []:
        if entry.get("state") in _ENDED and entry["name"] not in known:
            yield str(entry["name"]), str(entry.get("reason") or entry["state"])


def _ready(status: Status) -> Mapping[str, Any]:
    return _condition(status, "Ready")


def _holds(status: Status, kind: str) -> bool:
    return _condition(status, kind).get("status") == "True"


def _condition(status: Status, kind: str) -> Mapping[str, Any]:
    found = (c for c in status.get("conditions") or [] if c.get("type") == kind)
    return next(found, {})
