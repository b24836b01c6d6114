"""Brings a file onto a namespace's claim as a user would: through a pod that mounts it."""

import random

from tests.e2e.kit.api import Api
from tests.e2e.kit.kubectl import Kubectl, Obj
from tests.e2e.kit.waiting import until

CLAIM = "forebay-data"
_MOUNT = "/data"
_WRITE = """
import pathlib, sys
path = pathlib.Path(sys.argv[1])
path.parent.mkdir(exist_ok=True)
path.write_text(sys.stdin.read())
"""


def ratings(users: int = 60, items: int = 30) -> str:
    """CSV of two hidden tastes, so that there is something to learn."""
    rng = random.Random(1)
    lines = ["user,item,rating"]
    for user in range(users):
        for item in rng.sample(range(items), items // 2):
            mean = 4.5 if user % 2 == item % 2 else 1.5
            lines.append(f"u{user},i{item},{mean + rng.gauss(0, 0.3):.2f}")
    return "\n".join(lines) + "\n"


def put(kubectl: Kubectl, api: Api, namespace: str, image: str, path: str, text: str) -> None:
    """Writes `text` to `path` on the claim, which the operator has made or will make."""
    until(
        lambda: api.get("persistentvolumeclaims", CLAIM, namespace), 30, f"claim {CLAIM} is there"
    )
    kubectl.apply([_loader(image)], namespace)
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/loader", "--timeout=60s")
    target = f"{_MOUNT}/{path}"
    kubectl(
        "exec", "-i", "-n", namespace, "loader", "--", "python", "-c", _WRITE, target, text=text
    )
    kubectl("delete", "pod", "loader", "-n", namespace, "--grace-period=0", "--wait=false")


def _loader(image: str) -> Obj:
    secure = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "loader"},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001},
            "containers": [
                {
                    "name": "loader",
                    "image": image,
                    "imagePullPolicy": "IfNotPresent",
                    "command": ["python", "-c", "import time; time.sleep(600)"],
                    "securityContext": secure,
                    "volumeMounts": [{"name": "data", "mountPath": _MOUNT}],
                }
            ],
            "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": CLAIM}}],
        },
    }
