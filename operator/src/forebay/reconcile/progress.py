"""The newest progress of each run and of each pipeline's stream: filled by whoever hears a stage, read by gather.

In memory only: progress is no state, and the next line of a stage replaces it. The Reconciler listens, so
that progress reaches the status at its own, slower pace.
"""

from __future__ import annotations

from collections.abc import Callable

from forebay.kube.port import PIPELINE, RUN, Ref
from forebay_workloads.contract import Progress

Listener = Callable[[str, str, Progress], None]


_STREAM = "stream:"  # no name of an object holds a colon


def board_name(kind: str, name: str) -> str | None:
    """The name under which the board knows what an object of `kind` has running; None for kinds that have nothing."""
    if kind == RUN.kind:
        return name
    return _STREAM + name if kind == PIPELINE.kind else None


def spoken_of(namespace: str, name: str) -> Ref:
    """The object that a name on the board stands for."""
    if name.startswith(_STREAM):
        return Ref(PIPELINE, namespace, name.removeprefix(_STREAM))
    return Ref(RUN, namespace, name)


class ProgressBoard:
    """Progress by namespace and name of the run, or `board_name`. For one event loop; not for threads."""

    def __init__(self) -> None:
        self._newest: dict[tuple[str, str], Progress] = {}
        self._listeners: list[Listener] = []

    def put(self, namespace: str, run: str, progress: Progress) -> None:
        """Notes the progress of a run and tells the listeners."""
        self._newest[namespace, run] = progress
        for listener in tuple(self._listeners):
            listener(namespace, run, progress)

    def get(self, namespace: str, run: str) -> Progress | None:
        """The newest progress of a run; None when nothing was heard."""
        return self._newest.get((namespace, run))

    def forget(self, namespace: str, run: str) -> None:
        """Drops what is known of a run that is finished or gone."""
        self._newest.pop((namespace, run), None)

    def listen(self, listener: Listener) -> Callable[[], None]:
        """Calls `listener(namespace, run, progress)` for each `put`; returns how to stop that."""
        self._listeners.append(listener)

        def stop() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return stop
