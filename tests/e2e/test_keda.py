"""KEDA for real: it reads the requests in progress from the model's pods and sets their number.

Nightly: KEDA is built from its module, ten minutes and more on two cores.
"""

import json
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

from tests.e2e.kit import data, objects
from tests.e2e.kit.waiting import condition, until
from tests.e2e.kit.watching import finished, phase

pytestmark = [pytest.mark.e2e, pytest.mark.nightly, pytest.mark.timeout(2400)]
ROOT = Path(__file__).parents[2]
CALLERS = 12  # at the same time
SCALED = {
    "replicas": {"min": 1, "max": 3},
    "autoscaling": {"metric": "concurrency", "target": "2"},
    "podTemplate": objects.SMALL,
}

_ROLE = "keda-e2e"
_RBAC = "rbac.authorization.k8s.io"
ASKERS = [
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": _ROLE},
        "rules": [
            {"apiGroups": ["external.metrics.k8s.io"], "resources": ["*"], "verbs": ["get", "list"]}
        ],
    },
    {
        "apiVersion": f"{_RBAC}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": _ROLE},
        "roleRef": {"apiGroup": _RBAC, "kind": "ClusterRole", "name": _ROLE},
        "subjects": [
            {
                "kind": "ServiceAccount",
                "name": "horizontal-pod-autoscaler",
                "namespace": "kube-system",
            }
        ],
    },
]


def _keda(command):
    """As a program of its own, as it is called by hand: what it starts goes on without it."""
    arguments = [sys.executable, "-m", "harness.keda", command]
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def running(kubectl):
    """KEDA beside the cluster, and the right of the cluster's autoscaler to ask it."""
    _keda("start")
    made = "\n---\n".join(json.dumps(obj) for obj in ASKERS)
    kubectl("apply", "-f", "-", text=made)
    yield
    kubectl("delete", "-f", "-", "--ignore-not-found", text=made)
    _keda("stop")


@pytest.fixture
def served(kubectl, api, operator, running, namespace):
    kubectl.apply(objects.stores(), namespace)
    path = f"data/{objects.DATA}"
    data.put(kubectl, api, namespace, operator.train_image, path, data.ratings())
    kubectl.apply([objects.full(), objects.served(**SCALED)], namespace)
    assert phase(finished(api, namespace)) == "Succeeded"
    kubectl("wait", "-n", namespace, "--for=condition=Ready", "--timeout=90s", "md/taste")
    yield namespace
    kubectl("delete", "modeldeployment", "taste", "-n", namespace, "--wait=true", "--timeout=60s")


def ask(address, over):
    """Asks the model again and again, as fast as it answers."""
    url = f"http://{address}/recommend"
    while not over.is_set():
        request = urllib.request.Request(
            url, b'{"user": "u1", "top": 5}', {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                answer.read()
        except OSError:  # a pod that came or went
            continue


@pytest.fixture
def load(api, served):
    """Callers on this machine, who reach the Service by its address."""
    over = threading.Event()
    address = api.get("services", "taste", served)["spec"]["clusterIP"]
    callers = [threading.Thread(target=ask, args=(address, over)) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    yield
    over.set()
    for caller in callers:
        caller.join()


def told(kubectl, namespace):
    return [hpa["status"] for hpa in kubectl.list("hpa", namespace)]


def scaler(kubectl, namespace):
    return (kubectl.list("scaledobjects.keda.sh", namespace) or [{}])[0]


def test_keda_takes_the_scaler_and_more_requests_bring_more_pods(kubectl, api, served, load):
    until(
        lambda: condition(scaler(kubectl, served)).get("status") == "True",
        60,
        "KEDA has taken the scaler",
        lambda: scaler(kubectl, served),
    )

    def ready():
        (only,) = api.list("deployments", served)
        return only["status"].get("readyReplicas", 0)

    until(lambda: ready() >= 2, 180, "there are more pods", lambda: told(kubectl, served))
    found = api.get("modeldeployments", "taste", served)
    assert condition(found)["status"] == "True"
    assert condition(found, "Warning")["status"] == "False"
    assert found["status"]["stable"]["ready"] >= 2
