"""All reads of a pass, made before anything is decided: an object, its children, what it refers to.

Called by the loop. Gives the frozen `Observed` and what was looked at. Of Secrets only the keys and the
version are kept; values never leave this function.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import structlog

from forebay.errors import KubeError, NotFound
from forebay.kube.port import (
    MODEL_VERSION,
    OPTIONAL_KINDS,
    POD,
    SECRET,
    Kube,
    Obj,
    Ref,
)
from forebay.manifests.labels import MODEL, OWNER_UID, STAGE_NAME, labels_of
from forebay.plan.types import Observed
from forebay.reconcile import notices
from forebay.reconcile.progress import ProgressBoard, board_name
from forebay.reconcile.related import Need, Select, child_kinds, follow_up, needs
from forebay.settings import Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Gathered:
    """What was read, and a description of it: a change of any of it is a reason for another pass."""

    observed: Observed
    looked_at: frozenset[Need]


async def gather(
    kube: Kube,
    obj: Obj,
    now: datetime,
    settings: Settings,
    board: ProgressBoard,
    extra: Iterable[Ref] = (),
) -> Gathered:
    """Reads what a decision about `obj` needs. `extra` are names that a create found taken. Raises KubeError."""
    namespace, name = obj["metadata"].get("namespace", "default"), obj["metadata"]["name"]
    heard = board_name(obj["kind"], name)
    children, apis = await _children(kube, obj, namespace)
    related, looked_at = await _related(kube, obj, settings, extra)
    observed = Observed(
        object=obj,
        now=now,
        children=tuple(children),
        related=related,
        progress=board.get(namespace, heard) if heard else None,
        log_tail=await _log_tails(kube, obj, children, settings.log_tail),
        notices=await notices.read(kube, children, now),
        apis=apis,
    )
    return Gathered(observed, frozenset(looked_at))


async def _children(kube: Kube, obj: Obj, namespace: str) -> tuple[list[Obj], frozenset[str]]:
    """The children, and the optional APIs: what was there half a minute ago may be gone with its objects."""
    labels = {OWNER_UID: obj["metadata"]["uid"]}
    apis = await kube.apis()
    found: list[Obj] = []
    for kind in child_kinds(obj):
        if kind in OPTIONAL_KINDS and kind.api not in apis:
            continue
        try:
            found.extend(await kube.list(kind, namespace, labels))
        except NotFound:
            if kind not in OPTIONAL_KINDS:
                raise
            apis -= {kind.api}
    return found, apis


async def _related(
    kube: Kube, obj: Obj, settings: Settings, extra: Iterable[Ref]
) -> tuple[dict[Ref, Obj | None], set[Need]]:
    """Reads the needs, and what these need in turn, until nothing new is found."""
    related: dict[Ref, Obj | None] = {}
    done: set[Need] = set()
    todo: list[Need] = [*needs(obj, settings), *extra]
    while todo:
        need = todo.pop()
        if need in done:
            continue
        done.add(need)
        for ref, found in await _read(kube, need):
            related[ref] = found
            if found is not None:
                todo.extend(follow_up(obj, found))
    return related, done


async def _read(kube: Kube, need: Need) -> list[tuple[Ref, Obj | None]]:
    if isinstance(need, Select):
        found = await kube.list(need.kind, need.namespace, dict(need.labels))
        if need.kind == MODEL_VERSION:
            found = [obj for obj in found if labels_of(obj).get(MODEL) == obj["spec"].get("model")]
        return [(Ref.of(obj), obj) for obj in found]
    got = await kube.get(need)
    return [(need, _blank(got) if got is not None and need.kind == SECRET else got)]


def _blank(secret: Obj) -> Obj:
    """A Secret with its keys and without its values, one of which may stand in kubectl's annotation."""
    keys = {**(secret.get("data") or {}), **(secret.get("stringData") or {})}
    kept = {name: value for name, value in secret.items() if name not in ("data", "stringData")}
    named = {
        n: v for n, v in secret["metadata"].items() if n not in ("annotations", "managedFields")
    }
    return {**kept, "metadata": named, "data": dict.fromkeys(keys, "")}


async def _log_tails(kube: Kube, obj: Obj, children: list[Obj], lines: int) -> dict[str, str]:
    """The last lines of pods that failed, as far as the status has not told of them yet."""
    status = obj.get("status") or {}
    told = {e["name"] for e in status.get("stages") or [] if e.get("completionTime")}
    tails: dict[str, str] = {}
    for child in children:
        if child["kind"] != POD.kind or not _failed(child):
            continue
        if labels_of(child).get(STAGE_NAME) in told:
            continue
        tails[child["metadata"]["name"]] = await _tail(kube, Ref.of(child), lines)
    return tails


def _failed(pod: Obj) -> bool:
    status = pod.get("status") or {}
    crashed = any(c.get("restartCount") for c in status.get("containerStatuses") or [])
    return status.get("phase") == "Failed" or crashed


async def _tail(kube: Kube, pod: Ref, lines: int) -> str:
    """A log is a comfort: that it cannot be read must not stop the pass that writes down the failure."""
    try:
        return await kube.logs(pod, tail=lines)
    except KubeError as error:
        log.warning("log not readable", pod=pod.name, namespace=pod.namespace, error=str(error))
        return ""
