"""A reconciler that is killed between two writes, wherever that is, leads to the same objects in the end."""

import re
import sqlite3
from contextlib import closing

import pytest

from forebay.kube.port import CONFIG_MAP, JOB, K8S_DEPLOYMENT, OWN_KINDS, SERVICE
from forebay.manifests.labels import STAGE_NAME
from tests.component.reconcile.cluster import Cluster, Remembering, world

_NOISE = {
    "uid", "resourceVersion", "managedFields", "creationTimestamp", "generation", "completionTime",
    "startTime", "lastTransitionTime", "lastUpdate", "lastProbeTime", "observedGeneration", "lastFired",
    "forebay.dev/owner-uid", "forebay.dev/run-uid", "probeKey",
}  # fmt: skip
_RUN = re.compile(r"movies-[0-9a-f]{8}")


class Photographer:
    """The API, with a copy of its file after each write: what a process finds that starts after a SIGKILL."""

    def __init__(self, cluster, folder):
        self._cluster, self._folder = cluster, folder
        self.copies = []  # (file, time, stages started until then)

    def __getattr__(self, name):
        verb = getattr(self._cluster.kube, name)
        if name not in ("create", "apply", "delete"):
            return verb

        async def write(*args, **kwargs):
            done = await verb(*args, **kwargs)
            path = self._folder / f"{len(self.copies)}.db"
            with (
                closing(sqlite3.connect(path)) as target,
                closing(sqlite3.connect(self._cluster.path)) as source,
            ):
                source.backup(target)
            self.copies.append((path, self._cluster.now, tuple(self._cluster.started)))
            return done

        return write


def clean(node):
    """Without names, times and versions that differ from one execution to the next."""
    if isinstance(node, dict):
        return {k: clean(v) for k, v in sorted(node.items()) if k not in _NOISE}
    if isinstance(node, list):
        return [clean(item) for item in node]
    return _RUN.sub("movies-RUN", node) if isinstance(node, str) else node


async def final(cluster):
    """All objects at the end, but probes, which come and go. A report's document has times in it."""
    kinds = (*OWN_KINDS, JOB, CONFIG_MAP, SERVICE, K8S_DEPLOYMENT)
    found = [clean(o) for kind in kinds for o in await cluster.kube.list(kind)]
    kept = [o for o in found if o["metadata"].get("labels", {}).get(STAGE_NAME) != "probe"]
    return [{**o, "data": None} if o["kind"] == "ConfigMap" else o for o in kept]


async def uninterrupted(folder, plane):
    """One pipeline from beginning to end: its last objects, its stages, and copies after each write."""
    cluster = plane(folder / "whole.db")
    photographer = Photographer(cluster, folder)
    await cluster.apply(*world())
    await cluster.settle(cluster.reconciler(photographer))
    objects = await final(cluster)
    await cluster.kube.close()
    return objects, cluster.started, photographer.copies


async def resumed(plane, path, now, started):
    """The end of a pipeline whose reconciler was killed when `path` was copied."""
    cluster = plane(path)
    cluster.now, cluster.started = now, list(started)
    await cluster.settle(cluster.reconciler())
    objects = await final(cluster)
    await cluster.kube.close()
    return objects, cluster.started


@pytest.mark.parametrize("plane", [Cluster, Remembering])
@pytest.mark.parametrize(
    "stride",
    [
        pytest.param(1, marks=[pytest.mark.nightly, pytest.mark.timeout(900)]),
        pytest.param(5, marks=pytest.mark.slow),
    ],
)
async def test_F08_killed_after_any_write_ends_in_the_same_objects(tmp_path, stride, plane):
    wished, stages, copies = await uninterrupted(tmp_path, plane)
    assert len(copies) > 30
    for number, copy in list(enumerate(copies))[::stride]:
        objects, started = await resumed(plane, *copy)
        assert objects == wished, f"killed after write {number}"
        work = [[s for s in names if s != "probe"] for names in (started, stages)]
        assert work[0] == work[1], f"a stage was started twice: killed after write {number}"
