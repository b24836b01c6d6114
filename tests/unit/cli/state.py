"""A state folder with objects in it, as runs leave them behind, and a runner of the command line."""

import asyncio
import copy
from pathlib import Path

from typer.testing import CliRunner

from forebay.cli.main import app
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import API_VERSION

RUN_UID_LABEL = "forebay.dev/owner-uid"


def invoke(*arguments, stdin=None, env=None):
    """Runs `forebay …`; the result has exit_code, stdout and stderr."""
    return CliRunner().invoke(
        app, [str(a) for a in arguments], input=stdin, env={"FOREBAY_STATE": None, **(env or {})}
    )


def store(name="local", **spec):
    spec = spec or {"type": "embedded", "embedded": {}}
    return {
        "apiVersion": API_VERSION,
        "kind": "DataStore",
        "metadata": {"name": name},
        "spec": spec,
    }


PIPELINE_SPEC = {
    "ingest": {
        "from": {"storeRef": {"name": "local"}, "table": "raw"},
        "to": {"storeRef": {"name": "local"}, "table": "ratings", "key": ["user_id"]},
    },
    "preprocess": {"split": {"by": "random", "test": "0.2", "seed": 7}},
    "train": {"runtime": "pytorch", "algorithm": "matrix-factorization"},
    "evaluate": {"gates": [{"metric": "rmse", "operator": "<=", "value": "0.93"}]},
    "publish": {"model": "movies", "storeRef": {"name": "local"}},
}


def pipeline(name="movies", **spec):
    return {
        "apiVersion": API_VERSION,
        "kind": "NoSQLPipeline",
        "metadata": {"name": name},
        "spec": {**copy.deepcopy(PIPELINE_SPEC), **spec},
    }


def run(name="movies-11111111", status=None, pipeline_name="movies", key="1"):
    return {
        "apiVersion": API_VERSION,
        "kind": "PipelineRun",
        "metadata": {"name": name},
        "spec": {
            "pipelineRef": {"name": pipeline_name},
            "trigger": {"type": "spec", "key": key},
            "template": copy.deepcopy(PIPELINE_SPEC),
        },
        "status": status or {},
    }


def deployment(name="movies", status=None, model=None):
    return {
        "apiVersion": API_VERSION,
        "kind": "ModelDeployment",
        "metadata": {"name": name},
        "spec": {"model": model or {"name": "movies", "stage": "Production"}},
        "status": status or {},
    }


def pod(owner, stage, name=None):
    labels = {RUN_UID_LABEL: owner["metadata"]["uid"], "forebay.dev/stage-name": stage}
    name = name or f"{owner['metadata']['name']}-{stage}-abcde"
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": labels},
        "spec": {"containers": [{"name": "stage", "image": "x"}]},
    }


def event(about, reason, message, seen="2026-03-01T12:00:00Z", kind="Normal", number=1, count=1):
    meta = about["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{meta['name']}.{number}"},
        "involvedObject": {
            "kind": about["kind"],
            "name": meta["name"],
            "uid": meta["uid"],
            "namespace": "default",
        },
        "type": kind,
        "reason": reason,
        "message": message,
        "count": count,
        "lastTimestamp": seen,
    }


def seed(folder: Path, *objects):
    """Puts objects, with their status, into a state folder; gives them back as stored."""

    folder.mkdir(parents=True, exist_ok=True)

    async def put():
        kube = EmbeddedKube(folder / "forebay.db")
        try:
            return [await _put(kube, copy.deepcopy(obj)) for obj in objects]
        finally:
            await kube.close()

    return asyncio.run(put())


async def _put(kube, obj):
    obj["metadata"].setdefault("namespace", "default")
    status = obj.pop("status", None)
    stored = await kube.create(obj)
    if status:
        identity = {key: obj[key] for key in ("apiVersion", "kind")}
        metadata = {key: obj["metadata"][key] for key in ("name", "namespace")}
        stored = await kube.apply(
            {**identity, "metadata": metadata, "status": status}, subresource="status"
        )
    return stored


def stored(folder: Path, kind):
    """All objects of a kind in a state folder."""

    async def read():
        kube = EmbeddedKube(folder / "forebay.db")
        try:
            return await kube.list(kind)
        finally:
            await kube.close()

    return asyncio.run(read())
