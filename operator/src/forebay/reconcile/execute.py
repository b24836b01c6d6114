"""Carries out a plan: hand over, create, apply, delete, ONE status write, events. Called by the loop; decides nothing.

The order is the plan's contract. Whatever is interrupted here is planned again from what is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import structlog

from forebay.errors import AlreadyExists, Conflict, ForebayError, Foreign, KubeError
from forebay.kube.port import FIELD_MANAGER, Kube, Obj, Ref
from forebay.manifests.labels import MANAGED_BY, OWNER_UID, labels_of
from forebay.plan.types import Observed, Plan
from forebay.reconcile.recorder import Recorder
from forebay.reconcile.statusdiff import seconds_to_write
from forebay.settings import Settings

log = structlog.get_logger(__name__)
NOBODY = f"{FIELD_MANAGER}-handed-over"  # holds fields until another controller sets them


class NameTaken(ForebayError):  # noqa: N818 - like the API's own AlreadyExists
    """A name that a plan wanted to create is taken: look at `ref` and plan again."""

    def __init__(self, ref: Ref) -> None:
        self.ref = ref
        super().__init__(f"{ref.kind.kind} {ref.namespace}/{ref.name} exists")


async def execute(
    kube: Kube, observed: Observed, plan: Plan, settings: Settings, recorder: Recorder
) -> float | None:
    """Carries out `plan`; returns seconds until the next pass, None when only an event may bring one.

    Raises NameTaken, and KubeError (Conflict: the object has changed since it was read).
    """
    for obj in plan.hand_over:
        await kube.apply(obj, manager=NOBODY, force=False)
    for obj in plan.create:
        await _create(kube, obj, observed)
    ours = {Ref.of(child) for child in observed.children}
    for obj in plan.apply:
        if Ref.of(obj) not in ours:
            await _refuse_foreign(kube, obj)
        await _apply(kube, obj)
    for ref in plan.delete:
        await kube.delete(ref)
    again = plan.requeue_after
    if plan.status is not None:
        later = await _write_status(kube, observed, plan.status, settings)
        again = later if again is None else min(again, later or again)
    for event in plan.events:
        await recorder.record(observed.object, event, observed.now)
    return again


async def _create(kube: Kube, obj: Obj, observed: Observed) -> None:
    """Raises NameTaken, so that the plan looks at the holder; Foreign when it has, and wants the name still."""
    try:
        await kube.create(obj)
    except AlreadyExists as error:
        ref = Ref.of(obj)
        if observed.related.get(ref) is not None:
            await _refuse_foreign(kube, obj)
        raise NameTaken(ref) from error


async def _refuse_foreign(kube: Kube, obj: Obj) -> None:
    """A child that is made for the first time must not take over what somebody else made: an apply would.

    Raises Foreign; a plain KubeError, after which it is tried again, while a child of an earlier owner of the
    same name is being removed.
    """
    if not obj["metadata"].get("ownerReferences"):
        return
    ref = Ref.of(obj)
    found = await kube.get(ref)
    if found is None or labels_of(found).get(OWNER_UID) == labels_of(obj)[OWNER_UID]:
        return
    name = f"{ref.kind.kind} {ref.name}"
    if labels_of(found).get(MANAGED_BY) != "forebay":
        text = f"{name} exists and is not Forebay's: remove or rename it, or choose another name"
        raise Foreign(409, "NameConflict", text)
    if found["metadata"].get("deletionTimestamp") or found["metadata"].get("ownerReferences"):
        raise KubeError(409, "Conflict", f"{name} of an earlier owner is being removed")
    text = f"{name} was left behind by an earlier owner of this name, which was deleted without it: remove it"
    raise Foreign(409, "NameConflict", text)


async def _apply(kube: Kube, obj: Obj) -> None:
    """First politely; a field that somebody else holds is taken back, and it is said from whom."""
    try:
        await kube.apply(obj, force=False)
    except Conflict as error:
        child = f"{obj['kind']}/{obj['metadata']['name']}"
        log.warning("taking fields back", child=child, conflict=error.message)
        await kube.apply(obj, force=True)


async def _write_status(
    kube: Kube, observed: Observed, status: Mapping[str, Any], settings: Settings
) -> float | None:
    """Writes the status if it says something new; returns the seconds after which it is worth it."""
    obj = observed.object
    wait = seconds_to_write(obj.get("status") or {}, status, observed.now, settings.status_interval)
    if wait == 0.0:
        await kube.apply(status_object(obj, status), subresource="status")
        return None
    return wait


def status_object(obj: Obj, status: Mapping[str, Any]) -> Obj:
    """What is applied to `/status`. The resourceVersion makes it fail when the object is a newer one."""
    meta = obj["metadata"]
    return {
        "apiVersion": obj["apiVersion"],
        "kind": obj["kind"],
        "metadata": {
            "name": meta["name"],
            "namespace": meta.get("namespace", "default"),
            "resourceVersion": meta["resourceVersion"],
        },
        "status": dict(status),
    }
