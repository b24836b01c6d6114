"""Which server a test talks to, and the StoreRef that an adapter is given for it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from harness.servers import life
from harness.servers.server import Server

from forebay_workloads.contract import StoreRef


def server(name: str) -> Server:
    """The one that FOREBAY_TEST_<NAME> names, else that of `make servers`; the test fails when there is neither."""
    variable = f"FOREBAY_TEST_{name.upper()}"
    if os.environ.get(variable):
        return Server.of(os.environ[variable])
    running = life.running(name)
    if running is None:
        pytest.fail(
            f"{name} does not run: python -m harness.servers up {name}, or set {variable}",
            pytrace=False,
        )
    return running


def store_ref(of: Server, settings: Mapping[str, Any], folder: Path) -> StoreRef:
    """What a stage is told of a DataStore; user and password lie below `folder`, as Kubernetes mounts a Secret."""
    if not of.user:
        return StoreRef(of.name, of.name, settings)
    secrets = folder / of.name
    secrets.mkdir(exist_ok=True)
    (secrets / "username").write_text(of.user)
    (secrets / "password").write_text(of.password)
    return StoreRef(of.name, of.name, settings, secrets=str(secrets))
