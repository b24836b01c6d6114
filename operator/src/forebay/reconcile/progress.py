"""The newest progress of each run: filled by whoever hears a stage, read by gather and by followers.

In memory only: progress is no state, and the next line of a stage replaces it. The Reconciler listens, so
that progress reaches the status at its own, slower pace.
"""

from __future__ import annotations

from collections.abc import Callable

from forebay_workloads.contract import Progress

Listener = Callable[[str, str, Progress], None]


class ProgressBoard:
    """Progress by namespace and name of the run. For one event loop; not for threads."""

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
