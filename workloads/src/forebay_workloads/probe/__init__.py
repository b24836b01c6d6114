"""The probe stage: is a DataStore there, does it let us in, which version is it?

`forebay-stage` calls `run` for a DataStore, not for a run. It reads and writes no data.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from forebay_workloads.contract import Result
from forebay_workloads.errors import ConfigError
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Store


def run(stage: Stage) -> Result:
    """Probes each store of the document; `detail` is about the workspace's store.

    `serverVersion`, `snapshot` (the strongest pin) and `capabilities` (names of what it can) are always there.

    Raises:
        RetryableError: StoreUnreachable.
        ConfigError: StoreAuthFailed, ReferenceMissing, FieldNotSupportedInMode.
    """
    if not stage.doc.stores:
        raise ConfigError("ReferenceMissing", "the stage document names no DataStore to probe")
    answers = {name: _asked(stage.store(name)) for name in stage.doc.stores}
    for name, answer in answers.items():
        stage.log(f"{name}: {answer['serverVersion']}")
    name = stage.doc.workspace if stage.doc.workspace in answers else next(iter(answers))
    return Result(detail=answers[name])


def _asked(store: Store) -> dict[str, Any]:
    found = store.probe()
    able = asdict(store.capabilities)
    snapshot = able.pop("snapshot")
    return {
        "serverVersion": found.server_version,
        "snapshot": snapshot,
        "capabilities": sorted(name for name, there in able.items() if there),
        **found.detail,  # a server may give less than its adapter could use
    }
