"""The Kubernetes port on one SQLite file: the API server of a machine without a cluster, and of the tests.

Called by the embedded plane and the command line, also by several processes at once. Own kinds are
defaulted and judged by their CRDs' schemas; other kinds are taken as they come, because only our own
manifests make them. It starts no process and makes no decision.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import copy
import uuid
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from forebay.api import schema
from forebay.errors import AlreadyExists, Cause, Conflict, Invalid, NotFound
from forebay.kube import ssa
from forebay.kube.managed import owners, set_owners
from forebay.kube.objects import ObjectTable
from forebay.kube.port import (
    EVENT,
    FIELD_MANAGER,
    KINDS,
    OWN_KINDS,
    Kind,
    Obj,
    Objects,
    Ref,
    WatchEvent,
)

POLL_SECONDS = 0.1  # how often a watch looks for changes of other processes
Propagation = Literal["Background", "Foreground", "Orphan"]
_SERVER_FIELDS = (
    "uid",
    "resourceVersion",
    "generation",
    "creationTimestamp",
    "deletionTimestamp",
    "managedFields",
)


class EmbeddedKube:
    """Implements `forebay.kube.port.Kube`. `pods` is the folder that holds each pod's log below its uid."""

    def __init__(self, path: Path, pods: Path | None = None) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._table = ObjectTable(path)
        self._pods = pods or path.parent / "pods"
        self._changed = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None

    async def get(self, ref: Ref) -> Obj | None:
        """See Kube."""
        return self._table.get(ref)

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> list[Obj]:
        """See Kube."""
        wanted = dict(labels or {}).items()
        found = self._table.all_of(kind, namespace)
        return [o for o in found if wanted <= (o["metadata"].get("labels") or {}).items()]

    async def create(self, obj: Obj, *, manager: str = FIELD_MANAGER) -> Obj:
        """See Kube."""
        ref = _ref(obj)
        with self._transaction():
            if self._table.get(ref) is not None:
                raise AlreadyExists(
                    409, "AlreadyExists", f"{ref.kind.kind} {ref.name!r} already exists"
                )
            return self._write(ref, None, obj, manager, force=True)

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        subresource: Literal["status"] | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """See Kube."""
        ref = _ref(obj)
        with self._transaction(dry_run=dry_run):
            live = self._table.get(ref)
            if subresource == "status":
                return self._write_status(ref, live, obj, manager, force=force)
            return self._write(ref, live, obj, manager, force=force)

    async def delete(
        self, ref: Ref, *, uid: str | None = None, propagation: Propagation = "Background"
    ) -> None:
        """See Kube. Children go in the same transaction, so Foreground is the same as Background."""
        with self._transaction():
            self._delete(ref, uid, propagation)

    def _delete(self, ref: Ref, uid: str | None, propagation: Propagation) -> None:
        live = self._table.get(ref)
        if live is None or (uid is not None and live["metadata"]["uid"] != uid):
            return
        if live["metadata"].get("finalizers"):
            if "deletionTimestamp" not in live["metadata"]:
                live["metadata"]["deletionTimestamp"] = _now()
                self._table.put(ref, live, "MODIFIED")
            return
        self._table.remove(ref, live)
        if propagation == "Orphan":
            return
        for child in self._orphans(live["metadata"]["uid"]):
            self._delete(child, None, propagation)

    def _abandoned(self, obj: Obj) -> bool:
        """Whether nothing holds the object any more: deleted without finalizers, or all its owners are gone."""
        meta = obj["metadata"]
        if meta.get("deletionTimestamp"):
            return not meta.get("finalizers")
        uids = [owner["uid"] for owner in meta.get("ownerReferences") or []]
        return bool(uids) and not any(self._table.exists_uid(uid) for uid in uids)

    def _orphans(self, uid: str) -> Sequence[Ref]:
        """Children of a deleted owner that no other living object owns."""
        found = []
        for api_version, kind, namespace, name in self._table.owned_by(uid):
            ref = Ref(KINDS[api_version, kind], namespace, name)
            child = self._table.get(ref)
            if child is not None and self._abandoned(child):
                found.append(ref)
        return found

    async def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """See Kube. Sees changes of other processes within POLL_SECONDS."""
        seen = self._table.version()
        for obj in self._table.all_of(kind, namespace):
            yield WatchEvent("ADDED", obj)
        while True:
            changed = self._changed  # before the look: a change during it is found by the next one
            for version, event in list(self._table.changes(kind, namespace, seen)):
                seen = version
                yield event
            await self._change(changed)

    async def _change(self, changed: asyncio.Event) -> None:
        """Returns after the next change, of this process or of another one."""
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        await changed.wait()

    async def _poll(self) -> None:
        """One look for all watches, because there is one per kind and reader."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            if self._table.changed_by_others():
                self._tell()

    def _tell(self) -> None:
        """Wakes the watches. Whoever waits holds the old event; later waiters take the new one."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def logs(self, pod: Ref, *, tail: int | None = None) -> str:
        """See Kube."""
        obj = self._table.get(pod)
        path = self._pods / (obj["metadata"]["uid"] if obj else "-") / "log.txt"
        if not path.exists():
            return ""
        lines = path.read_text(errors="replace").splitlines(keepends=True)
        return "".join(lines if tail is None else lines[-tail:] if tail else [])

    async def notices(self, namespace: str, uid: str) -> Objects:
        """See Kube."""
        told = self._table.all_of(EVENT, namespace)
        return [event for event in told if event["involvedObject"].get("uid") == uid]

    async def apis(self) -> frozenset[str]:
        """See Kube. Nobody runs any of them here."""
        return frozenset()

    async def close(self) -> None:
        """See Kube."""
        if self._poller is not None:
            self._poller.cancel()
        self._table.close()

    @contextlib.contextmanager
    def _transaction(self, *, dry_run: bool = False) -> Iterator[None]:
        with self._table.transaction(dry_run=dry_run):
            yield
        if not dry_run:
            self._tell()

    def _write(self, ref: Ref, live: Obj | None, obj: Obj, manager: str, *, force: bool) -> Obj:
        wanted = _wanted(obj)
        if live is None and obj["metadata"].get("uid"):
            raise Conflict(409, "Conflict", f"{ref.kind.kind} {ref.name!r} of that uid is gone")
        _check_preconditions(ref, live, obj)
        merged = ssa.apply(_content(live), wanted, manager, owners(live, None), force=force)
        _refuse(ref, merged.conflicts)
        value = _complete(ref, live, merged.value)
        if ref.kind in OWN_KINDS:
            value = _judged(ref, value, live)
        if live is not None and _same(value, live) and merged.owners == owners(live, None):
            return live
        changed = live is None or _spec_of(value) != _spec_of(live)
        value["metadata"]["generation"] = _generation(live) + int(changed)
        set_owners(value, None, merged.owners, owners(live, "status"))
        stored = self._table.put(ref, value, "ADDED" if live is None else "MODIFIED")
        if self._abandoned(stored):
            self._delete(ref, None, "Background")
        return copy.deepcopy(stored)

    def _write_status(
        self, ref: Ref, live: Obj | None, obj: Obj, manager: str, *, force: bool
    ) -> Obj:
        if live is None:
            raise NotFound(404, "NotFound", f"{ref.kind.kind} {ref.name!r} not found")
        _check_preconditions(ref, live, obj)
        before = {"status": live["status"]} if "status" in live else {}
        wanted = {"status": obj.get("status", {})}
        merged = ssa.apply(before, wanted, manager, owners(live, "status"), force=force)
        _refuse(ref, merged.conflicts)
        if merged.value == before and merged.owners == owners(live, "status"):
            return live
        value = {**live, **merged.value}
        if ref.kind in OWN_KINDS:
            causes = [c for c in schema.validate(value) if c.field.startswith("status")]
            if causes:
                raise _invalid(ref, causes)
        set_owners(value, "status", merged.owners, owners(live, None))
        return copy.deepcopy(self._table.put(ref, value, "MODIFIED"))


def _ref(obj: Obj) -> Ref:
    try:
        return Ref.of(obj)
    except KeyError as error:
        raise Invalid(
            422, "Invalid", f"an object needs apiVersion, kind and metadata.name: {error}"
        ) from error


def _wanted(obj: Obj) -> Obj:
    """What the caller asks for: without status and the fields that only the server sets."""
    wanted = {k: v for k, v in obj.items() if k != "status"}
    wanted["metadata"] = {k: v for k, v in obj["metadata"].items() if k not in _SERVER_FIELDS}
    if obj["kind"] == "Secret" and "stringData" in wanted:
        plain = wanted.pop("stringData")
        coded = {k: base64.b64encode(str(v).encode()).decode() for k, v in plain.items()}
        wanted["data"] = {**(wanted.get("data") or {}), **coded}
    return wanted


def _content(live: Obj | None) -> Obj:
    if live is None:
        return {}
    return _wanted(live)


def _complete(ref: Ref, live: Obj | None, value: Obj) -> Obj:
    """Adds what the server sets, and the status that a main write never touches."""
    metadata = value["metadata"]
    metadata.setdefault("namespace", ref.namespace)
    old = live["metadata"] if live else {"uid": str(uuid.uuid4()), "creationTimestamp": _now()}
    metadata.update(
        {
            k: old[k]
            for k in ("uid", "creationTimestamp", "deletionTimestamp", "resourceVersion")
            if k in old
        }
    )
    if live and "status" in live:
        value["status"] = live["status"]
    return value


def _judged(ref: Ref, value: Obj, live: Obj | None) -> Obj:
    """With defaults, or Invalid with all causes."""
    causes = schema.validate(
        _without_bookkeeping(value), _without_bookkeeping(live) if live else None
    )
    if causes:
        raise _invalid(ref, causes)
    return schema.with_defaults(value)


def _without_bookkeeping(obj: Obj) -> Obj:
    return {k: v for k, v in obj.items() if k != "status"}


def _invalid(ref: Ref, causes: list[Cause]) -> Invalid:
    text = "; ".join(f"{c.field}: {c.message}" for c in causes)
    return Invalid(422, "Invalid", f"{ref.kind.kind} {ref.name!r} is invalid: {text}", causes)


def _refuse(ref: Ref, conflicts: tuple[Cause, ...]) -> None:
    if conflicts:
        text = "; ".join(f"{c.field}: {c.message}" for c in conflicts)
        raise Conflict(409, "Conflict", f"{ref.kind.kind} {ref.name!r}: {text}", conflicts)


def _check_preconditions(
    ref: Ref,
    live: Obj | None,
    obj: Obj,
) -> None:
    if live is None:
        return
    for field in ("uid", "resourceVersion"):
        given = obj["metadata"].get(field)
        if given is not None and given != live["metadata"].get(field):
            raise Conflict(409, "Conflict", f"{ref.kind.kind} {ref.name!r}: {field} is stale")


def _same(value: Obj, live: Obj) -> bool:
    ignored = ("generation", "managedFields")
    left, right = (
        {**o, "metadata": {k: v for k, v in o["metadata"].items() if k not in ignored}}
        for o in (value, live)
    )
    return left == right


def _spec_of(obj: Obj) -> Obj:
    return {k: v for k, v in obj.items() if k not in ("metadata", "status")}


def _generation(live: Obj | None) -> int:
    return int(live["metadata"].get("generation", 1)) if live else 0


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
