"""Every change of our kinds and of our children wakes whom it concerns: the same for create, update, delete.

Secrets are not watched: that would bring all values of a namespace into this process. A missing one is
looked for every few seconds by its own plan; for a rotated one the DataStore's plan looks each minute.
"""

from __future__ import annotations

from typing import Any

import kopf

from forebay.handlers.options import WATCHED, group_of


async def changed(event: kopf.RawEvent, memo: kopf.Memo, **_: Any) -> None:
    """Something about an object is new; what, is found out by looking at it."""
    memo.process.heard(event["type"], event["object"])


for _kind in WATCHED:
    kopf.on.event(*group_of(_kind), id=f"changed-{_kind.plural}")(changed)
