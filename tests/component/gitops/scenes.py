"""Objects as the plans leave them in every phase of their life: what GitOps tools are tried on.

Real passes over the embedded API, with stand-ins for what runs pods. Times and uids are always the same, so that
what is made here can be compared with what is kept.
"""

from __future__ import annotations

import copy
import itertools
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock

from forebay.kube import embedded
from forebay.kube.port import OWN_KINDS, PIPELINE, Ref
from forebay.manifests.labels import MODEL_VERSION, STAGE, labels_of
from forebay.settings import Settings
from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, Result
from tests.component.reconcile.cluster import DIGEST, Cluster, own, world

START = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
PAUSED = {"forebay.dev/reconcile": "paused"}
_NOT_KEPT = ("managedFields", "uid", "resourceVersion", "creationTimestamp", "ownerReferences")


class Recorder(embedded.EmbeddedKube):
    """Keeps every object as it is after each write of a status of ours."""

    def __init__(self, path):
        super().__init__(path)
        self.seen = []

    async def apply(self, obj, **more):
        written = await super().apply(obj, **more)
        if more.get("subresource") == "status" and Ref.of(obj).kind in OWN_KINDS:
            self.seen.append(copy.deepcopy(written))
        return written


class Stage(Cluster):
    """The small cluster; pods of the versions in `silent` never answer."""

    def __init__(self, path):
        super().__init__(path, Settings(plane="cluster", retry_base=0.01))
        self.now = START
        self.silent = set()

    async def set_status(self, obj, status):
        if labels_of(obj).get(MODEL_VERSION) in self.silent and "readyReplicas" in status:
            status = {**status, "readyReplicas": 0}
        return await super().set_status(obj, status)

    async def rounds(self, count):
        reconciler = self.reconciler()
        for _ in range(count):
            await self.round(reconciler)

    async def objects(self):
        return {
            kind.kind: (await self.kube.list(kind))[-1]
            for kind in OWN_KINDS
            if await self.kube.list(kind)
        }


async def new(stage):
    """The stores are being probed; the rest waits."""
    await stage.apply(*world())
    await stage.rounds(1)


async def working(stage):
    """The run trains."""
    stage.ends["train"] = None
    await stage.apply(*world())
    await stage.rounds(12)


async def done(stage):
    """The version is published and serves."""
    await stage.apply(*world())
    await stage.settle(stage.reconciler())
    await stage.rounds(3)


async def failed(stage):
    """Training met a column that is not there."""
    stage.ends["train"] = (EXIT_DATA, Result(reason="SchemaMismatch", message="no column x"), {})
    await stage.apply(*world())
    await stage.settle(stage.reconciler())
    await stage.rounds(2)


async def refused(stage):
    """A store's settings are wrong."""
    said = Result(reason="InvalidSpec", message="files.url: no such scheme")
    stage.ends["probe"] = (EXIT_CONFIG, said, {})
    await stage.apply(*world())
    await stage.rounds(6)


async def unreachable(stage):
    """A store does not answer for now."""
    said = Result(reason="StoreUnreachable", message="connection refused")
    stage.ends["probe"] = (75, said, {})
    await stage.apply(*world())
    await stage.rounds(6)


async def suspended(stage):
    """By spec.suspend, before and after a run was made."""
    await stage.apply(*world(suspend=True))
    await stage.rounds(4)


async def held(stage):
    """Suspended when the run had been made and had not begun."""
    await stage.apply(*world())
    for _ in range(2):  # seen, then its run
        await stage.reconciler().reconcile(Ref(PIPELINE, "shop", "movies"))
    await stage.apply(*world(suspend=True))
    await stage.rounds(5)


async def paused(stage):
    """Everything is to be left alone."""
    await done(stage)
    for ref in await stage.own_refs():
        obj = await stage.kube.get(ref)
        slim = {k: obj[k] for k in ("apiVersion", "kind", "spec")}
        slim["metadata"] = {"name": ref.name, "namespace": ref.namespace, "annotations": PAUSED}
        if "labels" in obj["metadata"]:
            slim["metadata"]["labels"] = obj["metadata"]["labels"]
        await stage.kube.apply(slim, manager="user")
    await stage.rounds(2)


async def replacing(stage):
    """A second version is rolled out beside the first."""
    await done(stage)
    stage.silent = {"movies-v2"}
    await stage.apply(second_version("Production"))
    await stage.rounds(3)


async def stuck(stage):
    """The second version never answered."""
    await replacing(stage)
    stage.now = stage.now.replace(hour=stage.now.hour + 1)
    await stage.rounds(2)


async def mislabelled(stage):
    """A version has a stage that is none."""
    await done(stage)
    await stage.apply(second_version("production"))
    await stage.rounds(2)


def second_version(stage_label):
    """A version that somebody published by hand."""
    spec = {
        "model": "movies",
        "version": "v2",
        "digest": DIGEST,
        "artifact": {"storeRef": {"name": "local"}, "key": "models/movies/v2"},
        "recipe": "matrix-factorization",
        "runtime": "pytorch",
    }
    labels = {"forebay.dev/model": "movies", STAGE: stage_label}
    return own("ModelVersion", "movies-v2", spec, labels=labels)


Scene = Callable[[Stage], Awaitable[None]]
SCENES: tuple[Scene, ...] = (
    new, working, done, failed, refused, unreachable, suspended, held, paused, replacing, stuck,
    mislabelled,
)  # fmt: skip


def _uid(number):
    return uuid.UUID(int=number)


async def play(scene: Scene, folder: Path) -> tuple[dict, list]:
    """The last object of each kind at the scene's end, and each as it was after every write of a status."""
    uids = mock.patch.object(embedded.uuid, "uuid4", side_effect=map(_uid, itertools.count(1)))
    clock = mock.patch.object(embedded, "_now", return_value=START.strftime("%Y-%m-%dT%H:%M:%SZ"))
    with uids, clock:
        stage = Stage(folder / "forebay.db")
        await stage.kube.close()
        stage.kube = Recorder(folder / f"{scene.__name__}.db")
        try:
            await scene(stage)
            return await stage.objects(), stage.kube.seen
        finally:
            await stage.kube.close()


def kept(obj):
    """An object without what differs from server to server."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in _NOT_KEPT}
    return {**obj, "metadata": meta}
