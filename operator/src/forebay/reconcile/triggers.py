"""What wakes an object: its own change, a child's, and a change of anything its last decision looked at.

Used where the port's own watch is the source of events (the embedded plane); in a cluster the handlers
call `woken_by` with what they are given.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator

import structlog

from forebay.errors import KubeError
from forebay.kube.port import API_VERSION as OURS
from forebay.kube.port import (
    CONFIG_MAP,
    JOB,
    K8S_DEPLOYMENT,
    KINDS,
    OWN_KINDS,
    POD,
    SECRET,
    SERVICE,
    Kind,
    Kube,
    Obj,
    Ref,
)
from forebay.manifests.labels import OWNER_KIND, OWNER_NAME, labels_of
from forebay.reconcile.loop import Reconciler

log = structlog.get_logger(__name__)
WATCHED: tuple[Kind, ...] = (*OWN_KINDS, JOB, POD, CONFIG_MAP, SERVICE, K8S_DEPLOYMENT, SECRET)
_AGAIN = 1.0  # seconds until a broken watch is opened again
_PATIENCE = 0.2  # seconds for a watch to end


async def watch(kube: Kube, reconciler: Reconciler, namespace: str | None = None) -> None:
    """Wakes by every change until it is cancelled."""
    tasks = [
        asyncio.create_task(_watch(kube, reconciler, kind, namespace), name=f"watch {kind.plural}")
        for kind in WATCHED
    ]
    try:
        ended, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in ended:
            task.result()  # a watch ends by an error only
    finally:
        await _stop(tasks)


async def _stop(tasks: Iterable[asyncio.Task[None]]) -> None:
    """Cancels until all are done: `asyncio.wait_for` of Python 3.11 can lose a cancellation."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_PATIENCE)


async def _watch(kube: Kube, reconciler: Reconciler, kind: Kind, namespace: str | None) -> None:
    while True:
        try:
            async for event in kube.watch(kind, namespace):
                react(reconciler, event.object)
        except KubeError as error:
            log.warning("watch broke", kind=kind.kind, error=str(error))
        await asyncio.sleep(_AGAIN)


def react(reconciler: Reconciler, obj: Obj) -> None:
    """Wakes whoever a change of `obj` concerns."""
    for ref in woken_by(obj):
        reconciler.wake(ref)
    reconciler.wake_dependents(obj)


def woken_by(obj: Obj) -> Iterator[Ref]:
    """The object itself, if it is of our kinds, and its owner: by reference, or by label for a pod of a Job."""
    this = Ref.of(obj)
    if this.kind in OWN_KINDS:
        yield this
    owners = [o for o in obj["metadata"].get("ownerReferences") or [] if o.get("controller")]
    for owner in owners:
        kind = KINDS.get((owner["apiVersion"], owner["kind"]))
        if kind in OWN_KINDS and kind is not None:
            yield Ref(kind, this.namespace, owner["name"])
            return
    labels = labels_of(obj)
    kind = KINDS.get((OURS, labels.get(OWNER_KIND, "")))
    if kind is not None and labels.get(OWNER_NAME):
        yield Ref(kind, this.namespace, labels[OWNER_NAME])
