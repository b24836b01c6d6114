"""The Deployment controller of the embedded plane: replicas of one template. Rules are in deployrules.py."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import count

from forebay.errors import AlreadyExists, NotFound
from forebay.kube.port import K8S_DEPLOYMENT, Obj, Ref
from forebay.local import deployrules
from forebay.local.children import child_pod, owned_pods, template_hash
from forebay.local.controller import Controller

MANAGER = "local-deployment-controller"


class DeploymentController(Controller):
    """Pods belong to the Deployment itself: there are no ReplicaSets, and no revision to go back to."""

    kind = K8S_DEPLOYMENT

    async def look(self, obj: Obj, pods: Sequence[Obj]) -> float | None:
        """See Controller."""
        mine = owned_pods(obj, pods)
        found = deployrules.replicas(obj, mine)
        for pod in deployrules.surplus(found):
            await self._kube.delete(Ref.of(pod), uid=pod["metadata"]["uid"])
        names = _free_names(obj, {pod["metadata"]["name"] for pod in mine})
        for _ in range(deployrules.missing(found)):
            await self._start(child_pod(obj, next(names)))
        return await self._say(obj, found)

    async def _start(self, pod: Obj) -> None:
        try:
            await self._kube.create(pod, manager=MANAGER)
        except AlreadyExists:
            self._woken.set()

    async def _say(self, obj: Obj, found: deployrules.Replicas) -> float | None:
        status, again = deployrules.status(obj, found, datetime.now(UTC))
        identity = {key: obj["metadata"][key] for key in ("name", "namespace", "uid")}
        said = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": identity}
        try:
            await self._kube.apply(
                {**said, "status": status}, manager=MANAGER, subresource="status"
            )
        except NotFound:  # deleted meanwhile; its pods go with it
            return None
        return again


def _free_names(obj: Obj, taken: set[str]) -> Iterator[str]:
    stem = f"{obj['metadata']['name']}-{template_hash(obj)[:6]}"
    return (name for number in count() if (name := f"{stem}-{number}") not in taken)
