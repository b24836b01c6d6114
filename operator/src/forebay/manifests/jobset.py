"""A JobSet around the Indexed Job of a training in several pods, where that API is installed. Pure.

Called by workload.py. JobSet makes the headless Service itself and, when a pod really fails, starts all of them
anew; what is nobody's failure is left to the Job's own policy. Its one child Job carries our labels, so its pods
are found and read as those of any stage.
"""

from __future__ import annotations

from forebay.kube.port import JOB_SET, Obj
from forebay.manifests.nodes import subdomain_of

NODES = "node"  # the replicated Job; pods are <name>-node-0-0, -0-1, …
_FINAL = [
    "PodFailurePolicy",
    "DeadlineExceeded",
]  # reasons of a failed Job that trying again does not cure


def first_pod(name: str) -> str:
    """The DNS name, in its namespace, of the first pod of the JobSet `name`."""
    return f"{name}-{NODES}-0-0.{subdomain_of(name)}"


def job_set(job: Obj) -> Obj:
    """The JobSet of an Indexed Job, of the Job's name."""
    meta, spec = job["metadata"], job["spec"]
    return {
        "apiVersion": JOB_SET.api_version,
        "kind": JOB_SET.kind,
        "metadata": meta,
        "spec": {
            "network": {
                "enableDNSHostnames": True,
                "publishNotReadyAddresses": True,
                "subdomain": subdomain_of(meta["name"]),
            },
            "failurePolicy": {
                "maxRestarts": spec["backoffLimit"],
                "rules": [{"name": "final", "action": "FailJobSet", "onJobFailureReasons": _FINAL}],
            },
            "replicatedJobs": [
                {
                    "name": NODES,
                    "replicas": 1,
                    "template": {
                        "metadata": {"labels": dict(meta["labels"])},
                        "spec": {**spec, "backoffLimit": 0},
                    },
                }
            ],
        },
    }
