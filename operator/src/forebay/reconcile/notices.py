"""The cluster's own events about children that are stuck without saying why. Called by gather.

Events are read only for those, and never watched: a busy namespace has thousands of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import structlog

from forebay.errors import KubeError
from forebay.kube.port import JOB, K8S_DEPLOYMENT, POD, Kube, Obj
from forebay.plan import refusal

log = structlog.get_logger(__name__)


async def read(kube: Kube, children: Sequence[Obj], now: datetime) -> dict[str, tuple[Obj, ...]]:
    """Events, oldest first, by the uid of what they are about. What cannot be read is left out."""
    found: dict[str, tuple[Obj, ...]] = {}
    for obj in _in_question(children, now):
        meta = obj["metadata"]
        try:
            told = await kube.notices(meta.get("namespace", "default"), meta["uid"])
        except KubeError as error:  # a comfort: the pass goes on without
            log.warning("events not readable", name=meta["name"], error=str(error))
            continue
        found[meta["uid"]] = tuple(sorted(told, key=refusal.last_seen))
    return found


def _in_question(children: Sequence[Obj], now: datetime) -> Iterable[Obj]:
    """A Job or pod each, as refusal.py names them; pods of a Deployment stand for themselves."""
    pods = [child for child in children if child["kind"] == POD.kind]
    for child in children:
        if child["kind"] == JOB.kind:
            mine = [pod for pod in pods if _belongs(pod, child)]
            if (stuck := refusal.in_question(child, mine, now)) is not None:
                yield stuck
    if any(child["kind"] == K8S_DEPLOYMENT.kind for child in children):
        yield from (pod for pod in pods if refusal.is_stuck(pod, now))


def _belongs(pod: Obj, job: Obj) -> bool:
    owners = pod["metadata"].get("ownerReferences") or []
    return any(owner.get("uid") == job["metadata"]["uid"] for owner in owners)
