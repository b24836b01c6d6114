"""The probe stage: is a DataStore there, does it let us in, which version is it?

`forebay-stage` calls `run` for a DataStore, not for a run. It reads and writes no data.
"""

from __future__ import annotations

from forebay_workloads import stores
from forebay_workloads.contract import Result
from forebay_workloads.errors import ConfigError
from forebay_workloads.stage import Stage
from forebay_workloads.stores.base import Probe


def run(stage: Stage) -> Result:
    """Probes each store of the document; `detail.serverVersion` is that of the workspace's store.

    Raises:
        RetryableError: StoreUnreachable.
        ConfigError: StoreAuthFailed, ReferenceMissing, FieldNotSupportedInMode.
    """
    if not stage.doc.stores:
        raise ConfigError("ReferenceMissing", "the stage document names no DataStore to probe")
    answers = {name: _asked(stage, name) for name in stage.doc.stores}
    for name, answer in answers.items():
        stage.log(f"{name}: {answer.server_version}")
    name = stage.doc.workspace if stage.doc.workspace in answers else next(iter(answers))
    return Result(detail={"serverVersion": answers[name].server_version, **answers[name].detail})


def _asked(stage: Stage, name: str) -> Probe:
    """A broker that holds no tables is asked as one."""
    is_broker = stage.ref(name).type not in stores.ADAPTERS
    return (stage.stream(name) if is_broker else stage.store(name)).probe()
