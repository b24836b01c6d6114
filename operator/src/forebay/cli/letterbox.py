"""Runs the data plane's program for dead letters, with the stores and credentials of a pipeline. Called by `dlq.py`.

Here, for a pipeline of the state folder or of files: the folder that it runs in holds Secrets as files that only the
user can read, and is removed with the last line. Or in a cluster, in the pod that ingests: no credential leaves it.
"""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from forebay.cli import session
from forebay.cli.failure import EXIT_INTERRUPTED, UsageError, UserError
from forebay.cli.loader import load
from forebay.kube.port import DATASTORE, PIPELINE, Kube, Obj, Ref
from forebay.manifests.ingest_deployment import CONTAINER, ingest_name
from forebay.manifests.stage_document import store_names
from forebay.manifests.stores import store_ref, store_volumes
from forebay_workloads.contract import ROOT_ENV, STAGE_FILE, RunRef, StageDocument

MODULE = "forebay_workloads.deadletters"
PROGRAM = (sys.executable, "-m", MODULE)
CURRENT = "."  # the context that kubectl is set to
MANAGER = "forebay-cli"
_KUBECTL = ("command terminated with exit code", "Defaulted container")  # it says that by itself
Take = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Source:
    """Where the pipeline is: in files, in a cluster, else in a state folder."""

    state: Path
    namespace: str | None = None
    files: Sequence[str] = ()
    context: str | None = None  # of kubectl


def run(source: Source, pipeline: str, arguments: list[str], take: Take) -> None:
    """Hands the JSON lines that the program prints to `take`, as they come.

    Raises:
        UserError: there is no such pipeline, it has no such ingest, or the program failed.
        KeyboardInterrupt: it was interrupted; all that was taken is done, and nothing else.
    """
    if source.context is not None:
        if source.files:
            raise UsageError("-f and --context: a pipeline is in files or in a cluster")
        command = in_cluster(source, pipeline, arguments)
        if shutil.which(command[0]) is None:
            hint = f"Where there is one: {shlex.join(command)}"
            raise UserError("there is no kubectl on this machine", hint=hint)
        _run(command, os.environ, take)
        return
    from forebay.local.podfolder import ROOTFS  # noqa: PLC0415 - slow to import; help goes without

    with tempfile.TemporaryDirectory(prefix="forebay-dlq-") as folder:
        root = Path(folder)

        async def prepare(kube: Kube) -> None:
            await _prepare(kube, source.state, source.namespace, pipeline, root)

        if source.files:
            asyncio.run(_of_files(source, root, prepare))
        else:
            session.using(source.state, prepare)
        _run([*PROGRAM, *arguments], os.environ | {ROOT_ENV: str(root / ROOTFS)}, take)


def in_cluster(source: Source, pipeline: str, arguments: Sequence[str]) -> list[str]:
    """The command that runs the program in the pod that ingests."""
    context = [] if source.context in (None, CURRENT) else ["--context", str(source.context)]
    namespace = ["--namespace", source.namespace] if source.namespace else []
    deployment = ingest_name({"metadata": {"name": pipeline}})
    where = [f"deployment/{deployment}", "--container", CONTAINER]
    return [
        "kubectl",
        *context,
        *namespace,
        "exec",
        *where,
        "--",
        "python",
        "-m",
        MODULE,
        *arguments,
    ]


async def _of_files(source: Source, root: Path, work: Callable[[Kube], Awaitable[None]]) -> None:
    """The files' objects, in a place that goes with `root`; nothing of them runs."""
    from forebay.kube.embedded import EmbeddedKube  # noqa: PLC0415 - as above

    kube = EmbeddedKube(root / session.DATABASE)
    try:
        for item in load(source.files, skip=source.state):
            await kube.apply(item.obj, manager=MANAGER)
        await work(kube)
    finally:
        await kube.close()


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


def _run(command: Sequence[str], environment: Mapping[str, str], take: Take) -> None:
    with tempfile.TemporaryFile("w+") as errors:  # not a pipe: nobody reads it before the end
        with subprocess.Popen(  # noqa: S603 - our own program; arguments are never read by a shell
            command,
            stdin=subprocess.DEVNULL,
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
        said = [line for line in errors.read().splitlines() if not line.startswith(_KUBECTL)]
    if process.returncode in (EXIT_INTERRUPTED, -signal.SIGINT):
        raise KeyboardInterrupt
    if process.returncode != 0:
        raise _failure(command, [line for line in said if line.strip()], process.returncode)


def _failure(command: Sequence[str], said: Sequence[str], code: int) -> UserError:
    if command[0] != "kubectl":
        return UserError(said[-1] if said else f"exit code {code}")
    hint = (
        f"It was: {shlex.join(command)}\n"
        "This works while the pipeline's pod runs: `ingest.mode: stream`, not suspended. Else use -f with the "
        "files of the pipeline, its DataStores and their Secrets."
    )
    return UserError(said[-1] if said else f"kubectl ended with exit code {code}", hint=hint)
