"""Objects in memory as the API server last told of them, whoever told it first. Called by cached.py only.

News comes from watches, from lists and from the answers to our own writes, in any order and repeatedly; the
result is the same: a newer resourceVersion wins, and what was deleted stays deleted. Objects are kept as
compressed JSON: a reader gets a copy of its own, and ten thousand of them fit into a dozen MiB.
"""

from __future__ import annotations

import json
import math
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from forebay.kube.port import Kind, Obj, Ref

Objects = list[Obj]
Refs = list[Ref]
_FAST = 1  # of zlib's levels: half the size for the time that JSON takes anyway
_REMEMBERED = 300.0  # seconds that a deletion is kept in mind: no answer is under way for longer


@dataclass(slots=True)
class _Entry:
    uid: str
    version: int
    heard: int  # when, in the cache's own count
    labels: tuple[tuple[str, str], ...]  # the indexed ones
    packed: bytes


class Cache:
    """For one event loop; not for threads. `index` are the labels by which lists are asked for."""

    def __init__(
        self, index: Iterable[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._index = tuple(index)
        self._clock = clock
        self._objects: dict[tuple[Kind, str], dict[str, _Entry]] = defaultdict(dict)
        self._labelled: dict[tuple[Kind, str, str], set[Ref]] = defaultdict(set)
        self._gone: dict[str, tuple[float, float, float]] = {}  # uid: last version, when, count
        self.count = 0  # grows with everything that is heard

    def __len__(self) -> int:
        """Objects that are there."""
        return sum(map(len, self._objects.values()))

    def put(self, obj: Obj) -> bool:
        """Takes the object as it was at its resourceVersion; False when that is no news."""
        ref, uid, version = Ref.of(obj), uid_of(obj), version_of(obj)
        known = self._entry(ref)
        if known is not None and known.version >= version:
            return False
        if uid in self._gone and self._gone[uid][0] >= version:
            return False
        if known is not None and known.uid != uid:
            self._note(known.uid, math.inf)
        self._drop(ref)
        self.count += 1
        labels = obj["metadata"].get("labels") or {}
        indexed = tuple((name, labels[name]) for name in self._index if name in labels)
        entry = _Entry(uid, version, self.count, indexed, _packed(obj))
        self._objects[ref.kind, ref.namespace][ref.name] = entry
        for name, value in indexed:
            self._labelled[ref.kind, name, value].add(ref)
        return True

    def remove(self, ref: Ref, uid: str, version: float = 0) -> None:
        """The object of this uid was gone at `version`; nothing of it that is not newer counts any more."""
        known, told = self._entry(ref), version > 0
        if known is not None and known.uid == uid:
            version = max(version, known.version)
            self._drop(ref)
        if version:
            self._note(uid, version, told=told)

    def keep_only(self, kind: Kind, namespace: str | None, uids: set[str], since: int) -> Objects:
        """Removes what a list did not have although it was known before `since`; gives what was removed."""
        stale = [
            Ref(kind, space, name)
            for (k, space), found in self._objects.items()
            if k == kind and namespace in (None, space)
            for name, entry in found.items()
            if entry.uid not in uids and entry.heard <= since
        ]
        gone = [obj for ref in stale if (obj := self.get(ref)) is not None]
        for obj in gone:
            self.remove(Ref.of(obj), uid_of(obj), math.inf)
        return gone

    def contradicts(self, obj: Obj, since: int) -> bool:
        """Whether a list that began at `since` gives less than was known by then: the server went back in time."""
        uid, version, known = uid_of(obj), version_of(obj), self._entry(Ref.of(obj))
        if known is not None and known.uid == uid:
            return known.heard <= since and known.version > version
        last, _, heard = self._gone.get(uid, (0.0, 0.0, math.inf))
        return heard <= since and version <= last < math.inf

    def get(self, ref: Ref) -> Obj | None:
        """A copy of the object."""
        entry = self._entry(ref)
        return None if entry is None else _parsed(entry)

    def uid(self, ref: Ref) -> str | None:
        """The uid of the object of this name."""
        entry = self._entry(ref)
        return None if entry is None else entry.uid

    def heard(self, ref: Ref) -> int:
        """When the object was last heard of, in `count`; 0 when it is not there."""
        entry = self._entry(ref)
        return 0 if entry is None else entry.heard

    def list(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> Objects:
        """Copies of the objects that carry all `labels`, sorted by namespace and name."""
        wanted = labels.items()
        found = [_parsed(self._known(ref)) for ref in sorted(self._refs(kind, namespace, labels))]
        return [obj for obj in found if wanted <= (obj["metadata"].get("labels") or {}).items()]

    def _refs(self, kind: Kind, namespace: str | None, labels: Mapping[str, str]) -> Refs:
        for name in self._index:
            if name in labels:
                refs = self._labelled.get((kind, name, labels[name]), ())
                return [ref for ref in refs if namespace in (None, ref.namespace)]
        spaces = [s for (k, s) in self._objects if k == kind and namespace in (None, s)]
        return [Ref(kind, space, name) for space in spaces for name in self._objects[kind, space]]

    def _entry(self, ref: Ref) -> _Entry | None:
        found = self._objects.get((ref.kind, ref.namespace))
        return None if found is None else found.get(ref.name)

    def _known(self, ref: Ref) -> _Entry:
        return self._objects[ref.kind, ref.namespace][ref.name]

    def _drop(self, ref: Ref) -> None:
        found = self._objects.get((ref.kind, ref.namespace))
        entry = found.pop(ref.name, None) if found is not None else None
        if found is None or entry is None:
            return
        if not found:
            del self._objects[ref.kind, ref.namespace]
        for name, value in entry.labels:
            refs = self._labelled[ref.kind, name, value]
            refs.discard(ref)
            if not refs:
                del self._labelled[ref.kind, name, value]

    def _note(self, uid: str, version: float, *, told: bool = True) -> None:
        """`told`: the server said so; what we asked to be deleted may wait for its end, and be listed."""
        now = self._clock()
        self.count += 1
        before = self._gone.pop(uid, (0.0, now, 0))[0]
        heard = self.count if told else math.inf
        self._gone[uid] = (max(before, version), now, heard)
        while self._gone:
            oldest = next(iter(self._gone))
            if now - self._gone[oldest][1] < _REMEMBERED:
                return
            del self._gone[oldest]


def uid_of(obj: Obj) -> str:
    """The object's uid."""
    return str(obj["metadata"]["uid"])


def version_of(obj: Obj) -> int:
    """The object's resourceVersion; Kubernetes lets those of one kind be compared as numbers since 1.35."""
    return int(obj["metadata"]["resourceVersion"])


def _packed(obj: Obj) -> bytes:
    text = json.dumps(obj, separators=(",", ":"), ensure_ascii=False)
    return zlib.compress(text.encode(), _FAST)


def _parsed(entry: _Entry) -> Obj:
    found: Obj = json.loads(zlib.decompress(entry.packed))
    return found
