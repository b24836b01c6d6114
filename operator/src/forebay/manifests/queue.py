"""The queue of a pipeline: a Job is created suspended and Kueue admits it. Pure; called by workload.py.

Only where Kueue is installed: nobody else would let a suspended Job go. We never change `suspend` afterwards.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay.kube.port import Obj

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
LOCAL_QUEUES = ("kueue.x-k8s.io/v1beta1/LocalQueue", "kueue.x-k8s.io/v1beta2/LocalQueue")


def has_queues(apis: frozenset[str]) -> bool:
    """Whether Kueue is installed, in whatever version."""
    return not apis.isdisjoint(LOCAL_QUEUES)


def queue_name(spec: Mapping[str, Any]) -> str | None:
    """The LocalQueue that a pipeline's spec names."""
    name = (spec.get("queue") or {}).get("name")
    return str(name) if name else None


def queued(work: Obj, queue: str | None, apis: frozenset[str]) -> Obj:
    """The Job or JobSet, waiting in the queue where there is one."""
    if queue is None or not has_queues(apis):
        return work
    labels = {**work["metadata"]["labels"], QUEUE_LABEL: queue}
    return {
        **work,
        "metadata": {**work["metadata"], "labels": labels},
        "spec": {**work["spec"], "suspend": True},
    }
