"""Objects of a serving plan's world, and a small stand-in for the controllers between two passes."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from forebay.kube.port import API_VERSION, Obj, Ref
from forebay.plan.types import Observed, Plan
from forebay.settings import Settings

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
SETTINGS = Settings()
DIGEST = "sha256:" + "8c1f" * 16


def own(kind: str, name: str, spec: Obj, *, uid: str = "u-1", labels: dict | None = None) -> Obj:
    meta: Obj = {"name": name, "namespace": "shop", "uid": uid, "generation": 1}
    if labels:
        meta["labels"] = labels
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": meta, "spec": spec}


def datastore(name: str = "local", **spec: Any) -> Obj:
    return own("DataStore", name, spec or {"type": "embedded", "embedded": {}}, uid=f"ds-{name}")


def cassandra(**more: Any) -> Obj:
    block = {"contactPoints": ["cassandra:9042"], "keyspace": "shop"}
    auth = {"secretRef": {"name": "shop-user"}}
    return datastore("shop", type="cassandra", cassandra=block, auth=auth, **more)


def secret(
    name: str, version: str = "1", keys: tuple[str, ...] | None = ("username", "password")
) -> Obj:
    meta = {"name": name, "namespace": "shop", "resourceVersion": version}
    data = {} if keys is None else {"data": dict.fromkeys(keys, "")}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, **data}


def model_version(number: int, stage: str | None = None, *, store: str = "local") -> Obj:
    labels = {"forebay.dev/stage": stage} if stage else None
    spec = {
        "model": "movies",
        "version": f"v{number}",
        "digest": DIGEST,
        "artifact": {"storeRef": {"name": store}, "key": "models/movies/8c1f"},
        "recipe": "matrix-factorization",
    }
    return own("ModelVersion", f"movies-v{number}", spec, uid=f"mv-{number}", labels=labels)


def model_deployment(**spec: Any) -> Obj:
    wished = {
        "model": {"name": "movies", "stage": "Production"},
        "rest": {"enabled": True, "port": 3000},
    }
    return own("ModelDeployment", "movies", {**wished, **spec}, uid="md-1")


def observed(
    obj: Obj, related: list[Obj] = (), children: list[Obj] = (), now: datetime = NOW
) -> Observed:  # type: ignore[assignment]  # shared, never changed
    return Observed(obj, now, tuple(children), {Ref.of(r): r for r in related})


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def condition(status: Any, kind: str) -> dict:
    return next(c for c in status["conditions"] if c["type"] == kind)


def words(status: Any, kind: str = "Ready") -> tuple[str, str]:
    found = condition(status, kind)
    return found["status"], found["reason"]


class World:
    """What the API server holds for one object: carries out plans, lets a test play the controllers."""

    def __init__(
        self, obj: Obj, related: list[Obj], planner: Any, settings: Settings = SETTINGS
    ) -> None:
        self.object = obj
        self.related = {Ref.of(r): r for r in related}
        self.children: dict[Ref, Obj] = {}
        self.now = NOW
        self.settings = settings
        self.events: list[Any] = []
        self.apis: frozenset[str] = frozenset()
        self._planner = planner
        self._uid = 0

    def put(self, *objects: Obj) -> None:
        self.related.update({Ref.of(r): r for r in objects})

    def step(self, seconds: float = 1.0) -> Plan:
        """One pass, `seconds` later; its writes are carried out."""
        self.now += timedelta(seconds=seconds)
        seen = Observed(
            self.object,
            self.now,
            tuple(copy.deepcopy(list(self.children.values()))),
            self.related,
            apis=self.apis,
        )
        plan = self._planner(seen, self.settings)
        for made in plan.create:
            (self._apply if made["metadata"].get("ownerReferences") else self.put)(made)
        for child in plan.apply:
            self._apply(child)
        for ref in plan.delete:
            self.children.pop(ref, None)
        if plan.status is not None:
            self.object = {**self.object, "status": copy.deepcopy(dict(plan.status))}
        self.events += plan.events
        return plan

    def settle(self, passes: int = 4) -> Plan:
        for _ in range(passes - 1):
            self.step()
        return self.step()

    def _apply(self, child: Obj) -> None:
        ref = Ref.of(child)
        old = self.children.get(ref)
        new = copy.deepcopy(child)
        if child["kind"] == "Deployment":  # whoever else set the number keeps it
            new["spec"].setdefault("replicas", old["spec"]["replicas"] if old else 1)
        if old is None:
            self._uid += 1
            new["metadata"] |= {
                "uid": f"c-{self._uid}",
                "creationTimestamp": text(self.now),
                "generation": 1,
            }
        else:
            changed = old.get("spec") != new.get("spec")
            kept = {k: old["metadata"][k] for k in ("uid", "creationTimestamp")}
            new["metadata"] |= {**kept, "generation": old["metadata"]["generation"] + changed}
            if "status" in old:
                new["status"] = old["status"]
        self.children[ref] = new

    def edit(self, **spec: Any) -> None:
        meta = {**self.object["metadata"], "generation": self.object["metadata"]["generation"] + 1}
        self.object = {**self.object, "metadata": meta, "spec": {**self.object["spec"], **spec}}

    def names(self, kind: str) -> list[str]:
        return sorted(ref.name for ref in self.children if ref.kind.kind == kind)

    def child(self, kind: str, name: str | None = None) -> Obj:
        return next(
            o for r, o in self.children.items() if r.kind.kind == kind and name in (None, r.name)
        )

    @property
    def status(self) -> dict:
        return self.object["status"]

    def ready(self, name: str, count: int) -> None:
        """The Deployment controller: `count` pods of the present template are ready."""
        child = self.child("Deployment", name)
        total = child["spec"]["replicas"]
        child["status"] = {
            "observedGeneration": child["metadata"]["generation"],
            "replicas": total,
            "updatedReplicas": total,
            "readyReplicas": count,
        }

    def pod(
        self, owner: str, state: Obj | None = None, *, kind: str = "Deployment", **status: Any
    ) -> Obj:
        """A pod of a child, with one container in `state`."""
        parent = self.child(kind, owner)
        self._uid += 1
        entry = {"name": "c", "image": "img:1", **(state or {})}
        meta = {
            "name": f"{owner}-pod{self._uid}",
            "namespace": "shop",
            "uid": f"p-{self._uid}",
            "creationTimestamp": text(self.now),
            "labels": dict(parent["spec"]["template"]["metadata"]["labels"]),
            "ownerReferences": [{"uid": parent["metadata"]["uid"]}],
        }
        pod = {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta,
            "status": {"phase": "Running", "containerStatuses": [entry], **status},
        }
        self.children[Ref.of(pod)] = pod
        return pod

    def no_pods(self) -> None:
        self.children = {r: o for r, o in self.children.items() if r.kind.kind != "Pod"}

    def copy(self, **changes: Any) -> Observed:
        seen = Observed(self.object, self.now, tuple(self.children.values()), self.related)
        return replace(seen, **changes)
