"""What a stage function is given: its document, its stores, the workspace, progress, a word to stop.

Made by `main.py`, handed to `run(stage) -> Result` of each stage package. It opens a store at its first
use and closes all at the end. It decides nothing about a stage's work.
"""

from __future__ import annotations

import sys
import threading
from contextlib import ExitStack
from functools import cached_property
from types import TracebackType
from typing import Self

from forebay_workloads.contract import Progress, StageDocument, StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.progress import Reporter, sender
from forebay_workloads.recipes.base import Preempted
from forebay_workloads.runfiles import RunFiles
from forebay_workloads.stores import open_store
from forebay_workloads.stores.base import Store
from forebay_workloads.streams import open_stream
from forebay_workloads.streams.base import Stream
from forebay_workloads.workspace import Workspace


class Stage:
    """One execution of one stage. Use it with `with`: the end closes stores and sends the last progress."""

    def __init__(self, doc: StageDocument, stopping: threading.Event | None = None) -> None:
        self.doc = doc
        self.stopping = stopping or threading.Event()
        self._reporter = Reporter(sender(), self.log)
        self._stores: dict[str, Store] = {}
        self._closing = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._reporter.close()
        self._stores.clear()
        self._closing.close()

    def ref(self, name: str) -> StoreRef:
        """The DataStore of that name; raises ConfigError ReferenceMissing when the document has none."""
        if name not in self.doc.stores:
            known = ", ".join(sorted(self.doc.stores)) or "none"
            raise ConfigError(
                "ReferenceMissing", f"this stage was given no DataStore {name!r} (known: {known})"
            )
        return self.doc.stores[name]

    def store(self, name: str) -> Store:
        """The open store of that name; opened once, closed with the stage."""
        if name not in self._stores:
            self._stores[name] = self.keep(open_store(self.ref(name)))
        return self._stores[name]

    def keep(self, store: Store) -> Store:
        """Takes a store that the stage opened itself: it is closed with the others."""
        self._closing.callback(store.close)
        return store

    def stream(self, name: str) -> Stream:
        """A new connection to the broker of that name; closed with the stage."""
        stream = open_stream(self.ref(name))
        self._closing.callback(stream.close)
        return stream

    @cached_property
    def workspace(self) -> Workspace:
        """The hand-over between this run's stages."""
        RunFiles(self.store(self.doc.workspace), self.doc.run).enter()
        return Workspace(self.store(self.doc.workspace), self.doc.prefix)

    def progress(self, progress: Progress) -> None:
        """Reports how far the stage is. Cheap: call it as often as you like, the newest one counts."""
        self._reporter.put(progress)

    def log(self, line: str) -> None:
        """Prints one plain line to the pod's log."""
        sys.stdout.write(" ".join(line.splitlines()) + "\n")
        sys.stdout.flush()

    def check_stopping(self) -> None:
        """Raises Preempted after SIGTERM; for stages whose finished work needs no saving."""
        if self.stopping.is_set():
            raise Preempted
