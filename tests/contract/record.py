"""A pytest plugin that writes down what a run of the conformance suites showed of one adapter.

`make conformance STORE=x` loads it; scripts/stores_table.py makes the table of docs/stores.md of what it writes.
Nothing in it depends on the clock, so a run that shows the same changes no file.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).parent / "results"
_SUITES = {
    "TableConformance": "tables",
    "BlobConformance": "blobs",
    "StoreConformance": "connections",
    "StreamConformance": "streams",
}


class Record:
    """Of the store that FOREBAY_CONFORMANCE names, on the server that FOREBAY_CONFORMANCE_ON names."""

    def __init__(self, store: str, server: str, folder: Path = RESULTS) -> None:
        self.store, self.folder = store, folder
        self.seen: dict[str, Any] = {"store": store, "server": server}
        self.tried: Counter[str] = Counter()
        self.passed: Counter[str] = Counter()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item):
        """Counts each test for the suite whose sentence it is."""
        report = yield
        suite = _SUITES.get(getattr(item, "function", None).__qualname__.partition(".")[0])
        if suite and report.when == "call":
            self.tried[suite] += 1
            self.passed[suite] += report.passed
            self._look(item.funcargs.get("store"))
        elif suite and report.when == "setup" and report.failed:
            self.tried[suite] += 1
        return report

    def _look(self, store: Any) -> None:
        """What the adapter promises, and what the server says of itself where nobody said it."""
        if store is None or "snapshot" in self.seen:
            return
        promised = store.capabilities
        self.seen |= {
            "documents": promised.documents,
            "ttl": promised.ttl,
            "snapshot": promised.snapshot,
        }
        self.seen["server"] = self.seen["server"] or store.probe().server_version

    def pytest_sessionfinish(self) -> None:
        """Writes the file; a run that tried nothing leaves what is there."""
        if not self.tried:
            return
        suites = {suite: [self.passed[suite], self.tried[suite]] for suite in sorted(self.tried)}
        self.folder.mkdir(exist_ok=True)
        text = json.dumps({**self.seen, "suites": suites}, indent=1, sort_keys=True)
        (self.folder / f"{self.store}.json").write_text(text + "\n")


def pytest_configure(config: pytest.Config) -> None:
    """Only for a run that is told whose it is."""
    store = os.environ.get("FOREBAY_CONFORMANCE")
    if store:
        server = os.environ.get("FOREBAY_CONFORMANCE_ON", "")
        config.pluginmanager.register(Record(store, server), "forebay-conformance")
