"""Stops every process of a state folder and says so in the objects. Used by plane.py and keeper.py.

For a folder that no plane runs in any more: nobody else would correct what the statuses say.
"""

from __future__ import annotations

import structlog

from forebay.errors import KubeError
from forebay.kube.port import DEPLOYMENT, Kube, Ref
from forebay.local.deployments import DeploymentController
from forebay.local.pods import Kubelet
from forebay.local.state import StateFolder
from forebay.reconcile.loop import Reconciler

log = structlog.get_logger(__name__)
GRACE = 10.0  # seconds that processes are given


async def shut_down(kube: Kube, folder: StateFolder, reconciler: Reconciler, why: str) -> int:
    """Returns how many processes there were. Raises KubeError or OSError of a pod, after all were tried."""
    stopped = await Kubelet(kube, folder, reconciler.board).stop_all(GRACE, why)
    try:
        await DeploymentController(kube).look_once()
        for model in await kube.list(DEPLOYMENT):
            await reconciler.reconcile(Ref.of(model))
    except KubeError as error:  # the processes are gone: that is what counts
        log.warning("statuses are not up to date", error=str(error))
    return stopped
