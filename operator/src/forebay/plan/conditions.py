"""Conditions of a status by Kubernetes convention: one builder for all kinds.

Every plan makes one `Conditions` of its observed object, sets what it knows and puts `items()` into the
status. What is not set stays as it was, or is Unknown at first sight, so `kubectl wait` and kstatus are
right from the start. `Reconciling` and `Stalled` follow kstatus: `True` is the abnormal state.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from forebay.api.reasons import Reason
from forebay.kube.port import Obj
from forebay.plan.times import stamp

READY = "Ready"
RECONCILING = "Reconciling"
STALLED = "Stalled"
WARNING = "Warning"
MESSAGE_LIMIT = 1024  # characters: a condition is no log


class Conditions:
    """The conditions of one object while its new status is made."""

    def __init__(self, obj: Obj, types: Iterable[str], now: datetime) -> None:
        """`types` are all conditions of the kind; the three of the summary are always among them."""
        self._generation = obj["metadata"].get("generation", 1)
        self._now = stamp(now)
        self._old = {c["type"]: c for c in (obj.get("status") or {}).get("conditions") or []}
        self._new: dict[str, dict[str, Any]] = {}
        for kind in (READY, *types, RECONCILING, STALLED):
            self._new.setdefault(kind, self._first(kind))

    def _first(self, kind: str) -> dict[str, Any]:
        old = self._old.get(kind)
        if old is not None:
            return dict(old)
        return self._condition(kind, "Unknown", Reason.Pending, "")

    def set(self, kind: str, status: bool | None, reason: str, message: str = "") -> None:
        """Sets a condition; None is Unknown. The transition time moves only when the status changes."""
        word = "Unknown" if status is None else str(bool(status))
        self._new[kind] = self._condition(kind, word, reason, message)

    def _condition(self, kind: str, word: str, reason: str, message: str) -> dict[str, Any]:
        old = self._old.get(kind, {})
        since = old.get("lastTransitionTime") if old.get("status") == word else None
        return {
            "type": kind,
            "status": word,
            "reason": str(reason),
            "message": cut(message),
            "observedGeneration": self._generation,
            "lastTransitionTime": since or self._now,
        }

    def ready(self, reason: str, message: str = "") -> None:
        """The object is what its spec asks for."""
        self._summary(READY, reason, message)

    def reconciling(self, reason: str, message: str = "", *, ready: bool | None = False) -> None:
        """Work is going on, or something is waited for. `ready` True: what was there before still serves."""
        self._summary(RECONCILING, reason, message, ready=ready)

    def stalled(self, reason: str, message: str = "", *, ready: bool | None = False) -> None:
        """Nothing more will happen until somebody changes something."""
        self._summary(STALLED, reason, message, ready=ready)

    def _summary(self, which: str, reason: str, message: str, *, ready: bool | None = True) -> None:
        self.set(READY, ready, reason, message)
        for kind in (RECONCILING, STALLED):
            here = kind == which
            self.set(kind, here, reason, message if here else "")

    def warn(self, reason: str | None, messages: Iterable[str] = ()) -> None:
        """The Warning condition: True with all messages in one, or False when there are none."""
        text = "; ".join(messages)
        if reason and text:
            self.set(WARNING, True, reason, text)
        else:
            self.set(WARNING, False, Reason.Ready)

    def items(self) -> list[dict[str, Any]]:
        """All conditions, Ready first, in the order of the kind's types."""
        return list(self._new.values())


def condition(obj: Obj | None, kind: str) -> Mapping[str, Any]:
    """A condition of an object as it is now; {} when the object or the condition is not there."""
    for item in ((obj or {}).get("status") or {}).get("conditions") or []:
        if item.get("type") == kind:
            return dict(item)
    return {}


def is_true(obj: Obj | None, kind: str = READY) -> bool:
    """Whether a condition is True and speaks of the object's present generation."""
    found = condition(obj, kind)
    return found.get("status") == "True" and is_current(obj, found)


def is_current(obj: Obj | None, found: Mapping[str, Any]) -> bool:
    """Whether a condition was made from the generation that the object has now."""
    generation = ((obj or {}).get("metadata") or {}).get("generation")
    seen = found.get("observedGeneration")
    return generation is None or seen is None or bool(seen >= generation)


def cut(text: str, limit: int = MESSAGE_LIMIT) -> str:
    """`text`, at most `limit` characters of it."""
    return text if len(text) <= limit else text[: limit - 1] + "…"
