"""Login, start and stop of the operator."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import kopf

from forebay.handlers.ending import end_with
from forebay.handlers.environment import Environment
from forebay.handlers.options import configure
from forebay.handlers.process import Process
from forebay.handlers.scope import served_namespaces


@kopf.on.login()
def login(**kwargs: Any) -> kopf.ConnectionInfo | None:
    """As the port logs in: the pod's service account, else the kubeconfig."""
    if os.environ.get("KUBERNETES_SERVICE_HOST") and not os.environ.get("KUBECONFIG"):
        return kopf.login_with_service_account(**kwargs)
    return kopf.login_with_kubeconfig(**kwargs)


@kopf.on.startup()
async def start(settings: kopf.OperatorSettings, memo: kopf.Memo, **_: Any) -> None:
    """Sets kopf up and begins to reconcile. kopf listens only after this: to a process that has read everything."""
    configure(settings)
    end_with(asyncio.all_tasks())
    try:
        environment, namespaces = Environment.read(os.environ), served_namespaces()
    except ValueError as error:  # kopf would try the same text again each minute, for ever
        raise kopf.PermanentError(str(error)) from error
    memo.process = await Process.connected(environment, namespaces)
    memo.process.start()
    await memo.process.started()


@kopf.on.cleanup()
async def stop(memo: kopf.Memo, **_: Any) -> None:
    """Ends what `start` began, also when it did not come to its end."""
    process: Process | None = memo.get("process")
    if process is not None:
        await process.stop()
