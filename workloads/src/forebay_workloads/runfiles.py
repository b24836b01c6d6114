"""The list of a pipeline's runs that have working files in a store, kept there beside the files.

A stage enters its run before it writes the first one. The report stage, the last of every run, removes the files of
the runs that are there no more: deleted by hand, by their time to live or by the history limits. Which ones are still
there only the operator knows; a run that is younger than the one that asks may be missing in what it said, and is left
alone. Runs of other pipelines, namespaces and clusters are on other lists.
"""

from __future__ import annotations

import io
from collections.abc import Collection

from forebay_workloads.contract import RunRef, run_prefix
from forebay_workloads.stores.base import Store


class RunFiles:
    """The list that `run` is on. Without a pipeline (`run.owner`) there is none, and nothing is done."""

    def __init__(self, store: Store, run: RunRef) -> None:
        self._store, self._run = store, run
        self._list = f"pipelines/{run.owner}/"

    def enter(self) -> None:
        """Puts the run onto the list; again and again is the same."""
        if self._run.owner:
            content = io.BytesIO(self._run.created.encode())
            self._store.put_blob(f"{self._list}{self._run.uid}", content)

    def sweep(self, living: Collection[str]) -> int:
        """Removes the files of older runs whose uid is not among the living; returns how many runs that were."""
        if not self._run.owner:
            return 0
        entries = [blob.key for blob in self._store.list_blobs(self._list)]
        gone = [key for key in entries if self._uid(key) not in living and self._is_older(key)]
        for key in gone:
            for blob in self._store.list_blobs(run_prefix(self._uid(key)) + "/"):
                self._store.delete_blob(blob.key)
            self._store.delete_blob(key)  # last: what is interrupted is done by the next run
        return len(gone)

    def _uid(self, key: str) -> str:
        return key.removeprefix(self._list)

    def _is_older(self, key: str) -> bool:
        with self._store.open_blob(key) as entry:
            return entry.read().decode() < self._run.created
