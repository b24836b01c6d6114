"""What spares an apply: what a list showed of kinds nobody watches, and what was applied in vain. Used by cached.py.

Freed with the object, or with its owner: nobody tells when the garbage collector takes a child of a kind that is
not watched.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping

from forebay.kube.cache import version_of
from forebay.kube.port import Kind, Obj, Ref


class Wished:
    """For one event loop; not for threads."""

    def __init__(self) -> None:
        self._seen: dict[Ref, Obj] = {}  # as listed last
        self._vain: dict[Ref, tuple[int, int]] = {}  # what, at which version
        self._owner: dict[Ref, str] = {}  # its uid
        self._owned: dict[str, set[Ref]] = defaultdict(set)  # the same, by the uid

    def __len__(self) -> int:
        """Objects of which something is remembered."""
        return len(self._seen.keys() | self._vain.keys() | self._owner.keys())

    def listed(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str], found: Iterable[Obj]
    ) -> None:
        """A list's answer: what was seen of its selection before counts no more."""
        for ref, obj in tuple(self._seen.items()):
            chosen = labels.items() <= (obj["metadata"].get("labels") or {}).items()
            if ref.kind == kind and namespace in (None, ref.namespace) and chosen:
                del self._seen[ref]
        for obj in found:
            self._seen[Ref.of(obj)] = obj
            self._own(obj)

    def take(self, ref: Ref) -> Obj | None:
        """The object as it was listed, once: it may be gone by the next time."""
        return self._seen.pop(ref, None)

    def changed_nothing(self, obj: Obj, version: int) -> None:
        """The object was applied and is of the same version as before."""
        self._vain[Ref.of(obj)] = (_hash(obj), version)
        self._own(obj)

    def in_vain(self, obj: Obj, known: Obj) -> bool:
        """Whether the same was applied to the same, and nothing came of it."""
        return self._vain.get(Ref.of(obj)) == (_hash(obj), version_of(known))

    def forget(self, ref: Ref) -> None:
        """The object is gone."""
        self._seen.pop(ref, None)
        self._vain.pop(ref, None)
        owner = self._owner.pop(ref, None)
        if owner is not None:
            self._owned[owner].discard(ref)
            if not self._owned[owner]:
                del self._owned[owner]

    def forget_children(self, uid: str) -> None:
        """The owner of this uid is gone, and with it what it owned."""
        for ref in tuple(self._owned.get(uid, ())):
            self.forget(ref)

    def _own(self, obj: Obj) -> None:
        for owner in obj["metadata"].get("ownerReferences") or []:
            if owner.get("controller"):
                self._owner[Ref.of(obj)] = owner["uid"]
                self._owned[owner["uid"]].add(Ref.of(obj))


def _hash(obj: Obj) -> int:
    return hash(json.dumps(obj, sort_keys=True))
