"""A small cluster for tests: the embedded API, and stand-ins for the controllers that run pods."""

import asyncio
import copy
from datetime import UTC, datetime, timedelta

from forebay.handlers.options import WATCHED
from forebay.kube.cached import CachedKube
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import (
    API_VERSION,
    JOB,
    K8S_DEPLOYMENT,
    OWN_KINDS,
    PIPELINE,
    POD,
    RUN,
    Ref,
)
from forebay.manifests.labels import FEED, MODEL, OWNER_KIND, OWNER_UID, STAGE_NAME
from forebay.reconcile.loop import Reconciler
from forebay.settings import Settings
from forebay_workloads.contract import Result

DIGEST = "sha256:" + "8c1f" * 16
SPEC = {
    "ingest": {
        "from": {"storeRef": {"name": "downloads"}, "table": "ratings.csv"},
        "to": {"storeRef": {"name": "local"}, "table": "ratings", "key": ["user_id", "movie_id"]},
    },
    "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
    "train": {"algorithm": "matrix-factorization", "params": {"user": "user_id"}},
    "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "0.92"}]},
    "publish": {"model": "movies", "storeRef": {"name": "local"}, "keep": 2},
    "predict": {"to": {"storeRef": {"name": "local"}, "table": "recommendations"}},
    "deploy": {"deploymentRef": {"name": "movies"}, "policy": "Immediate"},
}
RESULTS = {
    "probe": Result(detail={"serverVersion": "3.45"}),
    "ingest": Result(rows={"read": 100000, "written": 100000}),
    "preprocess": Result(rows={"train": 80000, "test": 20000}),
    "train": Result(metrics={"rmse": 0.90}),
    "evaluate": Result(metrics={"rmse": 0.911, "mae": 0.7}),
    "publish": Result(detail={"digest": DIGEST, "key": "models/movies/8c1f8c1f8c1f8c1f"}),
    "predict": Result(rows={"written": 9430}),
    "report": Result(detail={"report": "reports/movies.html"}),
}


def own(kind, name, spec, **meta):
    metadata = {"name": name, "namespace": "shop", **meta}
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def pipeline(**changes):
    return own("NoSQLPipeline", "movies", {**copy.deepcopy(SPEC), **changes})


def world(**changes):
    """The objects of the example: two stores, a pipeline, a served model."""
    return [
        own("DataStore", "downloads", {"type": "files", "files": {"url": "data/"}}),
        own("DataStore", "local", {"type": "embedded", "embedded": {}}),
        pipeline(**changes),
        own("ModelDeployment", "movies", {"model": {"name": "movies", "stage": "Production"}}),
    ]


class Cluster:
    """The API, a clock that a test moves, and what runs pods. `ends` maps a stage to its Result or exit."""

    def __init__(self, path, settings=None):
        self.path = path
        self.kube = EmbeddedKube(path)
        self.settings = settings or Settings(plane="embedded", retry_base=0.01)
        self.now = datetime.now(UTC)
        self.ends = dict(RESULTS)
        self.started = []  # stages whose pods were started, in order

    def reconciler(self, kube=None):
        return Reconciler(kube or self.kube, self.settings, clock=lambda: self.now)

    async def apply(self, *objects):
        for obj in objects:
            await self.kube.apply(copy.deepcopy(obj), manager="user")

    async def one(self, kind, name=None):
        found = await self.kube.list(kind, "shop")
        (only,) = [o for o in found if name is None or o["metadata"]["name"] == name]
        return only

    async def run_object(self):
        return await self.one(RUN)

    async def own_refs(self):
        return [Ref.of(obj) for kind in OWN_KINDS for obj in await self.kube.list(kind)]

    async def round(self, reconciler):
        """Every object has its pass, then the controllers act, then time goes on."""
        for ref in await self.own_refs():
            await reconciler.reconcile(ref)
        await self.controllers()
        self.now += timedelta(seconds=1)

    async def settle(self, reconciler, rounds=60):
        """Rounds until the run is finished and nothing changes any more."""
        last = None
        for _ in range(rounds):
            await self.round(reconciler)
            runs = await self.kube.list(RUN)
            done = runs and all((r.get("status") or {}).get("completionTime") for r in runs)
            seen = await self.versions()
            if done and seen == last:
                return
            last = seen
        raise AssertionError(f"not settled: {[r.get('status') for r in runs]}")

    async def versions(self):
        kinds = (*OWN_KINDS, JOB, POD)
        return [
            (o["kind"], o["metadata"]["name"], o["metadata"]["resourceVersion"])
            for kind in kinds
            for o in await self.kube.list(kind)
        ]

    async def controllers(self):
        for job in await self.kube.list(JOB):
            await self._job(job)
        for deployment in await self.kube.list(K8S_DEPLOYMENT):
            count = deployment["spec"].get("replicas", 1)
            status = {
                "observedGeneration": deployment["metadata"]["generation"],
                "replicas": count,
                "updatedReplicas": count,
                "readyReplicas": count,
            }
            await self.set_status(deployment, status)

    async def set_status(self, obj, status):
        meta = {k: obj["metadata"][k] for k in ("name", "namespace")}
        slim = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
        return await self.kube.apply(
            {**slim, "status": status}, manager="kubelet", subresource="status"
        )

    def stage_of(self, job):
        labels = job["metadata"]["labels"]
        return "probe" if labels[OWNER_KIND] == "DataStore" else labels[STAGE_NAME]

    async def pods(self, job):
        uid = job["metadata"]["uid"]
        return [
            pod
            for pod in await self.kube.list(POD)
            if any(o["uid"] == uid for o in pod["metadata"].get("ownerReferences", []))
        ]

    async def _job(self, job):
        if (job.get("status") or {}).get("conditions"):
            return
        end = self.ends.get(self.stage_of(job))
        pods = await self.pods(job)
        if not pods:
            await self.start_pod(job)
        elif end is not None:
            await self.end_pod(job, pods[-1], end)

    async def start_pod(self, job, number=0, status=None):
        self.started.append(self.stage_of(job))
        meta = job["metadata"]
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": f"{meta['name']}-{number}",
                "namespace": meta["namespace"],
                "labels": job["spec"]["template"]["metadata"]["labels"],
                "ownerReferences": [
                    {
                        "apiVersion": "batch/v1",
                        "kind": "Job",
                        "name": meta["name"],
                        "uid": meta["uid"],
                        "controller": True,
                    }
                ],
            },
            "spec": job["spec"]["template"]["spec"],
        }
        made = await self.kube.create(pod, manager="kubelet")
        return await self.set_status(made, status or {"phase": "Running"})

    async def end_pod(self, job, pod, end):
        """`end` is a Result (success), or (exit code, Result, more of `terminated`)."""
        code, result, more = (0, end, {}) if isinstance(end, Result) else end
        over = {"exitCode": code, "message": result.encode() if result else "", **more}
        entry = {"name": "stage", "state": {"terminated": over}}
        phase = "Failed" if code else "Succeeded"
        await self.set_status(pod, {"phase": phase, "containerStatuses": [entry]})
        kind, reason = ("Failed", "PodFailurePolicy") if code else ("Complete", "")
        at = self.now.strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"type": kind, "status": "True", "reason": reason, "lastTransitionTime": at}
        await self.set_status(job, {"conditions": [condition], "completionTime": at})


class Pages:
    """A port that can list page by page."""

    def __init__(self, kube):
        self._kube = kube

    def __getattr__(self, name):
        return getattr(self._kube, name)

    async def find(self, ref):
        return await self._kube.get(ref)

    async def pages(self, kind, namespace, labels):
        yield await self._kube.list(kind, namespace, labels)


class Remembering(Cluster):
    """The same with the operator's memory in between, which hears of a round when the next one begins."""

    def reconciler(self, kube=None):
        self.cached = CachedKube(Pages(kube or self.kube), WATCHED, (OWNER_UID, MODEL, FEED))
        self.events, self.pumps = [], []
        return super().reconciler(self.cached)

    async def _pump(self, kind):
        async for event in self.kube.watch(kind):
            self.events.append(event)

    async def round(self, reconciler):
        if not self.cached.ready:
            self.pumps = [asyncio.create_task(self._pump(kind)) for kind in WATCHED]
            for kind in WATCHED:
                await self.cached.sync(kind)
        heard, self.events = self.events, []
        for event in heard:
            self.cached.hear(event.type, event.object)
        await super().round(reconciler)
        await asyncio.sleep(0)

    async def settle(self, reconciler, rounds=60):
        try:
            await super().settle(reconciler, rounds)
        finally:
            for pump in self.pumps:
                pump.cancel()
            await asyncio.gather(*self.pumps, return_exceptions=True)


async def pipeline_ref(cluster):
    return Ref.of(await cluster.one(PIPELINE))
