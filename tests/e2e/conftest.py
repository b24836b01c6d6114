"""A real cluster for every test here: API server, scheduler, kubelet. `make e2e` starts it.

There is no skip: without a cluster the tests fail with the command that makes one.
"""

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness import tools
from tests.e2e.kit.api import Api
from tests.e2e.kit.kubectl import Kubectl

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def kubeconfig() -> Path:
    """The one that KUBECONFIG names, else that of `make cluster`."""
    state = Path(os.environ.get("CLUSTER_DIR", ROOT / ".cluster"))
    path = Path(os.environ.get("KUBECONFIG", state / "kubeconfig"))
    if not path.exists():
        raise pytest.UsageError(f"{path} does not exist: run make cluster, or set KUBECONFIG")
    return path


@pytest.fixture(scope="session")
def kubectl(kubeconfig: Path) -> Kubectl:
    """kubectl of the cluster's own version, on a cluster that answers."""
    program = Kubectl(tools.ensure("kubectl"), kubeconfig)
    program("get", "--raw", "/readyz")
    return program


@pytest.fixture(scope="session")
def api(kubectl: Kubectl) -> Iterator[Api]:
    """The same cluster over HTTP, for polling."""
    with Api(kubectl) as opened:
        yield opened


def _made(kubectl: Kubectl) -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A fresh namespace that enforces the restricted Pod Security Standard."""
    yield from _made(kubectl)


@pytest.fixture(scope="session")
def shared_namespace(kubectl: Kubectl) -> Iterator[str]:
    """One for tests that leave nothing behind."""
    yield from _made(kubectl)
