"""The port of the operator: reads are answered from memory, writes go to the API server and are remembered at once.

The memory is fed by the events of watches that somebody else holds (`hear`) and checked by lists of its own
(`sync`): at start, and whenever a watch may have missed something. What cannot be known from memory is asked
for: kinds that are not watched, names that somebody else may hold, an object that changed under our hands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Literal, Protocol

from forebay.errors import AlreadyExists, Conflict, NotFound, WentBack
from forebay.kube.applied import is_applied
from forebay.kube.cache import Cache, uid_of, version_of
from forebay.kube.port import FIELD_MANAGER, JOB, POD, Kind, Kube, Obj, Ref, WatchEvent
from forebay.kube.slim import slim
from forebay.kube.wished import Wished

Objects = list[Obj]
Labels = Mapping[str, str]


class Source(Kube, Protocol):
    """A port that lists page by page, because a whole list in memory would be many times the cache."""

    async def find(self, ref: Ref) -> Obj | None:
        """The object, or None, by the right to list its kind."""

    def pages(self, kind: Kind, namespace: str | None, labels: Labels) -> AsyncIterator[Objects]:
        """All objects of one moment, in pages."""


class CachedKube:
    """Implements `forebay.kube.port.Kube` over a `Source`.

    `watched` maps each kind whose events will be heard to the labels by which its watch is filtered: an object
    without them is not there for `list`. Jobs come before Pods. `index` are the labels that lists ask by.
    """

    def __init__(
        self,
        source: Source,
        watched: Mapping[Kind, Labels],
        index: Iterable[str] = (),
        namespaces: Iterable[str] = (),
    ) -> None:
        self._source = source
        self._watched = watched
        self._namespaces: tuple[str | None, ...] = tuple(namespaces) or (None,)
        self._cache = Cache(index)
        self._synced: set[Kind] = set()
        self._lists: Counter[Kind] = Counter()  # how many were begun
        self._pods_of: dict[str, int] = {}  # uid of a Job: its version when its pods were listed
        self._wished = Wished()

    @property
    def watched(self) -> tuple[Kind, ...]:
        """The kinds whose events are heard, in the order in which they are listed."""
        return tuple(self._watched)

    @property
    def ready(self) -> bool:
        """Whether all watched kinds have been listed once."""
        return self._synced >= set(self._watched)

    @property
    def size(self) -> int:
        """Objects in memory."""
        return len(self._cache)

    def hear(self, kind: str | None, obj: Obj) -> None:
        """A watch's event: DELETED, or any other word for an object as it is."""
        if kind == "DELETED":
            self._pods_of.pop(uid_of(obj), None)
            self._gone(Ref.of(obj), uid_of(obj), version_of(obj))
        else:
            self._learn(obj)

    def _gone(self, ref: Ref, uid: str, version: float = 0) -> None:
        """The object of this uid is not there any more, nor will be what it owned."""
        self._cache.remove(ref, uid, version)
        self._wished.forget(ref)
        self._wished.forget_children(uid)

    async def sync(self, kind: Kind) -> Objects:
        """Lists the kind and corrects what is remembered; gives what had changed unheard.

        Raises KubeError, and WentBack when the list is older than what is remembered.
        """
        changed: Objects = []
        jobs = self._cache.list(JOB, None, {}) if kind == POD else []  # their pods are newer
        self._lists[kind] += 1
        for namespace in self._namespaces:
            since = self._cache.count
            uids: set[str] = set()
            async for page in self._source.pages(kind, namespace, self._watched[kind]):
                self._check_time(page, since)
                changed += [kept for obj in page if (kept := self._learn(obj)) is not None]
                uids |= {uid_of(obj) for obj in page}
            gone = self._cache.keep_only(kind, namespace, uids, since)
            for obj in gone:
                self._gone(Ref.of(obj), uid_of(obj))
            changed += gone
        self._synced.add(kind)
        if kind == POD:
            self._pods_of = {uid_of(job): version_of(job) for job in jobs}
        return changed

    def _check_time(self, page: Objects, since: int) -> None:
        for obj in page:
            if self._cache.contradicts(obj, since):
                ref = Ref.of(obj)
                named = f"{ref.kind.kind} {ref.namespace}/{ref.name}"
                raise WentBack(f"{named} is listed as it was before: was etcd restored?")

    def _learn(self, obj: Obj) -> Obj | None:
        """Remembers the object if it is of those that are watched; gives what is remembered if it is news."""
        ref = Ref.of(obj)
        filter_ = self._watched.get(ref.kind)
        labels = obj["metadata"].get("labels") or {}
        if filter_ is None or not filter_.items() <= labels.items() or not self._covers(ref):
            return None
        kept = slim(obj)
        return kept if self._cache.put(kept) else None

    def _covers(self, ref: Ref) -> bool:
        return self._namespaces == (None,) or ref.namespace in self._namespaces

    async def get(self, ref: Ref) -> Obj | None:
        """From memory where all objects of the kind are watched; else as it is now."""
        if ref.kind in self._synced and not self._watched[ref.kind] and self._covers(ref):
            return self._cache.get(ref)
        return await self._look(ref)

    async def _look(self, ref: Ref) -> Obj | None:
        """The object as it is now, which is remembered."""
        since, uid = self._cache.count, self._cache.uid(ref)
        watched = ref.kind in self._watched
        obj = await (self._source.find(ref) if watched else self._source.get(ref))
        if obj is not None:
            self._learn(obj)
        elif uid is not None and self._cache.heard(ref) <= since:
            self._gone(ref, uid)
        return obj

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Labels | None = None
    ) -> Objects:
        """From memory; pods are never older than the Jobs that were listed before them."""
        if kind not in self._watched:
            found = await self._source.list(kind, namespace, labels)
            self._wished.listed(kind, namespace, labels or {}, map(slim, found))
            return found
        if kind not in self._synced or (self._watched[kind] and not labels):
            return await self._source.list(kind, namespace, labels)
        if kind == POD:
            await self._catch_up(namespace, labels or {})
        return self._cache.list(kind, namespace, labels or {})

    async def _catch_up(self, namespace: str | None, labels: Labels) -> None:
        """A Job's end may be heard before that of its pods, which says why: then they are asked for, once."""
        pods = self._cache.list(POD, namespace, labels)
        behind = [
            job
            for job in self._cache.list(JOB, namespace, labels)
            if _ends(job) > _ended_pods(job, pods)
            and self._pods_of.get(uid_of(job)) != version_of(job)
        ]
        if not behind:
            return
        for pod in await self._source.list(POD, namespace, labels):
            self._learn(pod)
        self._pods_of |= {uid_of(job): version_of(job) for job in behind}

    async def create(self, obj: Obj, *, manager: str = FIELD_MANAGER) -> Obj:
        """As the port says. A name that is taken is looked at, so that the next pass knows by whom."""
        ref, lists = Ref.of(obj), self._lists[Ref.of(obj).kind]
        try:
            made = await self._source.create(obj, manager=manager)
        except AlreadyExists:
            if ref.kind in self._watched:
                await self._look(ref)
            raise
        self._answered(ref, made, lists)
        return made

    def _answered(self, ref: Ref, made: Obj, lists: int) -> None:
        """Remembers a write's answer, but none that a list has overtaken: it may be of what that no longer found."""
        if lists == self._lists[ref.kind]:
            self._learn(made)

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        subresource: Literal["status"] | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """As the port says; nothing is sent when the object is known to be so already."""
        ref, plain = Ref.of(obj), subresource is None and not dry_run
        known = self._known(ref) if plain and manager == FIELD_MANAGER else None
        if known is not None and (self._wished.in_vain(obj, known) or is_applied(slim(obj), known)):
            return known
        made = await self._write(ref, obj, manager, subresource, force=force, dry_run=dry_run)
        if known is not None and version_of(known) == version_of(made):
            self._wished.changed_nothing(obj, version_of(made))
        return made

    async def _write(
        self,
        ref: Ref,
        obj: Obj,
        manager: str,
        subresource: Literal["status"] | None,
        *,
        force: bool,
        dry_run: bool,
    ) -> Obj:
        uid, lists = self._cache.uid(ref), self._lists[ref.kind]
        try:
            made = await self._source.apply(
                obj, manager=manager, force=force, subresource=subresource, dry_run=dry_run
            )
        except NotFound:
            if uid is not None:
                self._gone(ref, uid)
            raise
        except Conflict:
            if ref.kind in self._watched and not self._watched[ref.kind]:
                await self._look(ref)
            raise
        if not dry_run:
            self._answered(ref, made, lists)
        return made

    def _known(self, ref: Ref) -> Obj | None:
        """The object by what a watch told or the pass's own list."""
        if ref.kind in self._synced and self._covers(ref):
            return self._cache.get(ref)
        return self._wished.take(ref)

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        """As the port says. Only the object that is known goes, not one that took its name since."""
        known = uid or self._cache.uid(ref)
        await self._source.delete(ref, uid=known, propagation=propagation)
        self._wished.forget(ref)
        if known is not None:
            self._gone(ref, known)

    def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """The server's own."""
        return self._source.watch(kind, namespace)

    async def logs(self, pod: Ref, *, tail: int | None = None) -> str:
        """The server's own."""
        return await self._source.logs(pod, tail=tail)

    async def notices(self, namespace: str, uid: str) -> Objects:
        """The server's own: events are not remembered."""
        return await self._source.notices(namespace, uid)

    async def apis(self) -> frozenset[str]:
        """The server's own."""
        return await self._source.apis()

    async def close(self) -> None:
        """Frees connections; may be called twice."""
        await self._source.close()


def _ends(job: Obj) -> int:
    """Pods that ended, as a finished Job counts them; 0 while it is not finished."""
    status = job.get("status") or {}
    over = any(
        c.get("type") in ("Complete", "Failed") and c.get("status") == "True"
        for c in status.get("conditions") or []
    )
    return int(status.get("succeeded") or 0) + int(status.get("failed") or 0) if over else 0


def _ended_pods(job: Obj, pods: Iterable[Obj]) -> int:
    uid = uid_of(job)
    return sum(
        any(o.get("uid") == uid for o in pod["metadata"].get("ownerReferences") or [])
        for pod in pods
        if (pod.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    )
