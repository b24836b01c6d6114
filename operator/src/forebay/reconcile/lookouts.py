"""Who looks at what: for each object that had a pass, what its last decision looked at; and the other way round.

Used by the loop alone. A change concerns few objects out of thousands: they are found by an index, not by asking all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from forebay.kube.port import Kind, Obj, Ref
from forebay.reconcile.related import Need, Select


class Lookouts:
    """Needs by object, and objects by need."""

    def __init__(self) -> None:
        self._needs: dict[Ref, frozenset[Need]] = {}
        self._by_name: dict[Ref, set[Ref]] = defaultdict(set)
        self._by_kind: dict[tuple[Kind, str], dict[Select, set[Ref]]] = defaultdict(dict)

    def __contains__(self, ref: Ref) -> bool:
        """Whether the object has had a pass."""
        return ref in self._needs

    def note(self, ref: Ref, needs: frozenset[Need]) -> None:
        """This is what the last decision about the object looked at."""
        if self._needs.get(ref) == needs:
            return
        self.forget(ref)
        self._needs[ref] = needs
        for need in needs:
            self._who(need).add(ref)

    def forget(self, ref: Ref) -> None:
        """The object is gone."""
        for need in self._needs.pop(ref, frozenset()):
            who = self._who(need)
            who.discard(ref)
            if not who:
                self._drop(need)

    def _who(self, need: Need) -> set[Ref]:
        if isinstance(need, Ref):
            return self._by_name[need]
        return self._by_kind[need.kind, need.namespace].setdefault(need, set())

    def _drop(self, need: Need) -> None:
        if isinstance(need, Ref):
            del self._by_name[need]
            return
        place = need.kind, need.namespace
        del self._by_kind[place][need]
        if not self._by_kind[place]:
            del self._by_kind[place]

    def looking_at(self, obj: Obj) -> Iterator[Ref]:
        """The objects whose last decision looked at `obj`, or for one like it."""
        this = Ref.of(obj)
        yield from tuple(self._by_name.get(this, ()))
        for select, who in tuple(self._by_kind.get((this.kind, this.namespace), {}).items()):
            if select.matches(obj):
                yield from tuple(who)
