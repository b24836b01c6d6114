"""Runs the data plane's program for dead letters, with the stores and credentials of a pipeline. Called by `dlq.py`.

The folder it runs in holds Secrets as files that only the user can read; it is removed with the last line.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from forebay.cli import session
from forebay.cli.failure import EXIT_INTERRUPTED, UserError
from forebay.kube.port import DATASTORE, PIPELINE, Kube, Obj, Ref
from forebay.manifests.stage_document import store_names
from forebay.manifests.stores import store_ref, store_volumes
from forebay_workloads.contract import ROOT_ENV, STAGE_FILE, RunRef, StageDocument

PROGRAM = (sys.executable, "-m", "forebay_workloads.deadletters")
Take = Callable[[dict[str, Any]], None]


def run(
    state: Path, namespace: str | None, pipeline: str, arguments: list[str], take: Take
) -> None:
    """Hands the JSON lines that the program prints to `take`, as they come.

    Raises:
        UserError: there is no such pipeline, it has no such ingest, or the program failed.
        KeyboardInterrupt: it was interrupted; all that was taken is done, and nothing else.
    """
    with tempfile.TemporaryDirectory(prefix="forebay-dlq-") as folder:
        root = Path(folder)
        session.using(state, lambda kube: _prepare(kube, state, namespace, pipeline, root))
        _run(root, arguments, take)


async def _prepare(kube: Kube, state: Path, namespace: str | None, name: str, root: Path) -> None:
    """Lays out what the ingest's pod would find: document and Secrets."""
    from forebay.local.plane import settings_of  # noqa: PLC0415 - slow to import; help goes without
    from forebay.local.podfolder import ROOTFS, prepare  # noqa: PLC0415 - as above
    from forebay.local.state import StateFolder  # noqa: PLC0415 - as above

    pipeline = await session.find(kube, PIPELINE, name, namespace)
    ingest = pipeline["spec"].get("ingest") or {}
    if not (ingest.get("from") or {}).get("topic"):
        raise UserError(f"pipeline {name!r} ingests no topic, so it has no dead letters here")
    settings = settings_of(StateFolder(state.resolve()))
    stores = await _stores(kube, pipeline["metadata"].get("namespace", "default"), ingest)
    document = StageDocument(
        stage="stream",
        run=RunRef(name, pipeline["metadata"]["uid"], pipeline["metadata"]["namespace"], name),
        spec={"ingest": ingest},
        stores={store: store_ref(obj, settings) for store, obj in stores.items()},
        workspace=ingest["to"]["storeRef"]["name"],
    )
    volumes, mounts = store_volumes(stores.values(), settings)
    pod: Obj = {
        "metadata": {"name": "dlq", "namespace": pipeline["metadata"]["namespace"]},
        "spec": {"volumes": volumes, "containers": [{"name": "dlq", "volumeMounts": mounts}]},
    }
    await prepare(kube, pod, root, state / "volumes")
    file = root / ROOTFS / STAGE_FILE.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    await asyncio.to_thread(file.write_text, document.to_json(), encoding="utf-8")


async def _stores(kube: Kube, namespace: str, ingest: Mapping[str, Any]) -> dict[str, Obj]:
    found: dict[str, Obj] = {}
    for name in store_names(ingest):
        store = await kube.get(Ref(DATASTORE, namespace, name))
        if store is None:
            raise UserError(f"DataStore {name} does not exist")
        found[name] = store
    return found


def _run(root: Path, arguments: list[str], take: Take) -> None:
    from forebay.local.podfolder import ROOTFS  # noqa: PLC0415 - as above

    environment = os.environ | {ROOT_ENV: str(root / ROOTFS)}
    with tempfile.TemporaryFile("w+") as errors:  # not a pipe: nobody reads it before the end
        with subprocess.Popen(  # noqa: S603 - our own program; arguments are never read by a shell
            [*PROGRAM, *arguments],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
            start_new_session=True,  # it hears of Ctrl-C from us, and ends after the chunk in hand
        ) as process:
            before = signal.signal(signal.SIGINT, lambda *_: process.send_signal(signal.SIGINT))
            try:
                for line in process.stdout or ():
                    if line.startswith("{"):
                        take(json.loads(line))
            finally:
                signal.signal(signal.SIGINT, before)
        errors.seek(0)
        said = (errors.read().strip().splitlines() or [f"exit code {process.returncode}"])[-1]
    if process.returncode == EXIT_INTERRUPTED:
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise UserError(said)
