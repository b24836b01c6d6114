"""The Kubernetes port on a real API server, through kubernetes.aio. Used by the operator's start-up.

It translates verbs into requests and answers into our errors; it decides nothing, retries nothing but watches
(the reconcile queue retries) and remembers nothing but which APIs there are.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any, Literal, Self
from urllib.parse import quote

import kubernetes.aio.client
import kubernetes.aio.config

from forebay.errors import Conflict, Invalid, NotFound
from forebay.kube.cluster_http import Http, Query, Told
from forebay.kube.cluster_watch import Watch
from forebay.kube.discovery import Discovery
from forebay.kube.port import EVENT, FIELD_MANAGER, Kind, Obj, Ref, WatchEvent

Objects = list[Obj]
_PAGE, _SMALL_PAGE = 500, 50  # objects of one answer to a list; a pod is 40 KiB in memory
_SERVERS_OWN = ("managedFields", "creationTimestamp", "generation", "selfLink")


class ClusterKube:
    """All verbs of `forebay.kube.port.Kube`. Make it inside the running loop."""

    def __init__(self, api: Any, told: Told = lambda *_: None) -> None:
        """`api` is a `kubernetes.aio.client.ApiClient`; `told` hears the method and HTTP status of each request."""
        self._http = Http(api, told)
        self._discovery = Discovery(lambda path: self._http.json("GET", path))

    @classmethod
    async def connect(cls, told: Told = lambda *_: None) -> Self:
        """From the pod's service account, else from the kubeconfig that kubectl would use."""
        config: Any = kubernetes.aio.config
        settings = kubernetes.aio.client.Configuration()
        if os.environ.get("KUBERNETES_SERVICE_HOST") and not os.environ.get("KUBECONFIG"):
            config.load_incluster_config(client_configuration=settings)
        else:
            await config.load_kube_config(client_configuration=settings)
        return cls(kubernetes.aio.client.ApiClient(settings), told)

    async def get(self, ref: Ref) -> Obj | None:
        """The object, or None."""
        try:
            return _typed(ref.kind, await self._http.json("GET", _path(ref)))
        except NotFound:
            return None

    async def find(self, ref: Ref) -> Obj | None:
        """As `get`, by the right to list: who may follow a kind needs no other right to look at one of them."""
        query = [("fieldSelector", f"metadata.name={ref.name}")]
        answer = await self._http.json("GET", _folder(ref.kind, ref.namespace), query=query)
        return next((_typed(ref.kind, item) for item in answer.get("items") or []), None)

    async def list(
        self, kind: Kind, namespace: str | None = None, labels: Mapping[str, str] | None = None
    ) -> Objects:
        """Objects of a kind, sorted by namespace and name, whose labels include all of `labels`."""
        objects, _ = await self._list(kind, namespace, labels)
        key = lambda obj: (obj["metadata"].get("namespace", ""), obj["metadata"]["name"])  # noqa: E731
        return sorted(objects, key=key)

    async def pages(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str]
    ) -> AsyncIterator[Objects]:
        """All objects of one moment in small pages, for who would not hold them all at once."""
        async for objects, _ in self._pages(kind, namespace, labels, _SMALL_PAGE):
            yield objects

    async def _list(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None = None
    ) -> tuple[Objects, str]:
        found: Objects = []
        version = ""
        async for objects, at in self._pages(kind, namespace, labels, _PAGE):
            found += objects
            version = at
        return found, version

    async def _pages(
        self, kind: Kind, namespace: str | None, labels: Mapping[str, str] | None, size: int
    ) -> AsyncIterator[tuple[Objects, str]]:
        query = [("limit", str(size))]
        if labels:
            query.append(("labelSelector", ",".join(f"{k}={v}" for k, v in sorted(labels.items()))))
        more: Query = ()
        while True:
            page = await self._http.json("GET", _folder(kind, namespace), query=[*query, *more])
            meta = page.get("metadata") or {}
            objects = [_typed(kind, item) for item in page.get("items") or []]
            yield objects, str(meta.get("resourceVersion", ""))
            if not meta.get("continue"):
                return
            more = (("continue", meta["continue"]),)

    async def create(self, obj: Obj, *, manager: str = FIELD_MANAGER) -> Obj:
        """Creates; raises AlreadyExists when the name is taken."""
        ref = Ref.of(obj)
        path = _folder(ref.kind, ref.namespace)
        made: Obj = await self._http.json("POST", path, obj, [("fieldManager", manager)])
        return made

    async def apply(
        self,
        obj: Obj,
        *,
        manager: str = FIELD_MANAGER,
        force: bool = True,
        subresource: Literal["status"] | None = None,
        dry_run: bool = False,
    ) -> Obj:
        """Server-side apply; see the port."""
        query = [("fieldManager", manager), ("force", str(force).lower())]
        if dry_run:
            query.append(("dryRun", "All"))
        path = _path(Ref.of(obj)) + (f"/{subresource}" if subresource else "")
        applied: Obj = await self._http.json("PATCH", path, _sendable(obj, subresource), query)
        return applied

    async def delete(
        self,
        ref: Ref,
        *,
        uid: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        """Deletes; absent is fine; an object of another uid is left alone."""
        options: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "DeleteOptions",
            "propagationPolicy": propagation,
        }
        if uid:
            options["preconditions"] = {"uid": uid}
        try:
            await self._http.text("DELETE", _path(ref), options)
        except NotFound:
            return
        except Conflict:
            if uid is None:
                raise

    async def watch(self, kind: Kind, namespace: str | None = None) -> AsyncIterator[WatchEvent]:
        """First ADDED for each object that is there, then every change, through every broken connection."""
        path = _folder(kind, namespace)
        watch = Watch(self._http, kind, path, lambda: self._list(kind, namespace))
        async with aclosing(watch.events()) as events:
            async for event in events:
                yield event

    async def logs(self, pod: Ref, *, tail: int | None = None) -> str:
        """The log text of a pod's container; "" when there is none, or none yet."""
        query = [("tailLines", str(tail))] if tail is not None else []
        try:
            return await self._http.text("GET", f"{_path(pod)}/log", query=query)
        except (NotFound, Invalid):  # 400: the container has not started
            return ""

    async def notices(self, namespace: str, uid: str) -> Objects:
        """Events about the object of this uid; see the port."""
        query = [("fieldSelector", f"involvedObject.uid={uid}"), ("limit", str(_PAGE))]
        page = await self._http.json("GET", _folder(EVENT, namespace), query=query)
        return list(page.get("items") or [])

    async def review(self, token: str, audience: str) -> Obj:
        """Whose token this is: the status of a TokenReview. It must be meant for `audience`."""
        question = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": token, "audiences": [audience]},
        }
        path = "/apis/authentication.k8s.io/v1/tokenreviews"
        answer = await self._http.json("POST", path, question)
        return dict(answer.get("status") or {})

    async def apis(self) -> frozenset[str]:
        """Which optional APIs are installed; see the port."""
        return await self._discovery.apis()

    async def close(self) -> None:
        """Frees connections; may be called twice."""
        await self._http.close()


def _folder(kind: Kind, namespace: str | None) -> str:
    inside = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
    return f"{kind.path}{inside}/{kind.plural}"


def _path(ref: Ref) -> str:
    return f"{_folder(ref.kind, ref.namespace)}/{quote(ref.name, safe='')}"


def _typed(kind: Kind, obj: Obj) -> Obj:
    """Items of a list come without their kind."""
    return {"apiVersion": kind.api_version, "kind": kind.kind, **obj}


def _sendable(obj: Obj, subresource: str | None) -> Obj:
    """The object without what is the server's; for `/status` without everything that is not status."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in _SERVERS_OWN}
    if subresource is None:
        return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}
    kept = {k: meta[k] for k in ("name", "namespace", "resourceVersion") if k in meta}
    head = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": kept}
    return {**head, subresource: obj.get(subresource) or {}}
