"""A real cluster for every test here: API server, scheduler, kubelet. `make e2e` starts it.

There is no skip: without a cluster the tests fail with the command that makes one.
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from harness import tools

from tests.e2e.kit import data, images, modules, objects
from tests.e2e.kit.api import Api
from tests.e2e.kit.kubectl import Kubectl
from tests.e2e.kit.operator import Operator
from tests.e2e.kit.waiting import until

ROOT = Path(__file__).parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What judges all the other tests' traces comes after them."""
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)


@pytest.fixture(scope="session")
def state() -> Path:
    """The folder of `make cluster`."""
    return Path(os.environ.get("CLUSTER_DIR", ROOT / ".cluster"))


@pytest.fixture(scope="session")
def audit_log(state: Path) -> Path:
    """What the API server wrote down of every request."""
    return state / "log/audit.log"


@pytest.fixture(scope="session")
def kubeconfig(state: Path) -> Path:
    """The one that KUBECONFIG names, else that of `make cluster`."""
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


@pytest.fixture(scope="session")
def operator(kubectl: Kubectl, api: Api, state: Path, testrun_uid: str) -> Operator:
    """The operator, installed cluster-wide from the chart with the images of `make images`: once for all workers."""
    tag = os.environ.get("FOREBAY_TEST_TAG", "dev")
    made = Operator(kubectl, api, tools.ensure("helm"), ROOT / "charts/forebay", tag)
    with (state / "e2e-install").open("a+") as done:
        fcntl.flock(done, fcntl.LOCK_EX)
        done.seek(0)
        if done.read() != testrun_uid:
            made.install()
            done.truncate(0)
            done.write(testrun_uid)
    return made


@pytest.fixture(scope="session", autouse=True)
def _our_kinds_are_served(operator: Operator) -> None:
    """On a new cluster nobody else installs them."""


def _made(kubectl: Kubectl) -> Iterator[str]:
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    kubectl("create", "namespace", name)
    kubectl("label", "namespace", name, "pod-security.kubernetes.io/enforce=restricted")
    yield name
    kubectl("delete", "namespace", name, "--wait=false", "--ignore-not-found")


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    """A fresh namespace that enforces the restricted Pod Security Standard."""
    yield from _made(kubectl)


@pytest.fixture(scope="session")
def shared_namespace(kubectl: Kubectl) -> Iterator[str]:
    """One for tests that leave nothing behind."""
    yield from _made(kubectl)


@pytest.fixture
def supplied(kubectl: Kubectl, api: Api, operator: Operator) -> Callable[[str], None]:
    """Gives a namespace the two stores and the ratings on their claim."""

    def supply(namespace: str, text: str | None = None) -> None:
        kubectl.apply(objects.stores(), namespace)
        path = f"data/{objects.DATA}"
        data.put(kubectl, api, namespace, operator.train_image, path, text or data.ratings())

    return supply


@pytest.fixture
def project(namespace: str, supplied: Callable[[str], None]) -> str:
    """A fresh namespace with stores and data: what a pipeline of `objects` needs."""
    supplied(namespace)
    return namespace


@pytest.fixture
def installed(kubectl: Kubectl) -> Iterator[Callable[..., None]]:
    """Installs a module's definitions for one test: (module, file…). Tests that touch the same are one xdist_group."""
    there: list[str] = []

    def install(module: str, *files: str) -> None:
        paths = modules.definitions(module, *files)
        there.extend(part for path in paths for part in ("-f", str(path)))
        kubectl("apply", "--server-side", *there)
        names = [yaml.safe_load(path.read_text())["metadata"]["name"] for path in paths]
        for name in names:  # Established comes some seconds before kubectl finds the kind
            seen = ("get", name, "--all-namespaces")
            until(lambda seen=seen: kubectl.attempt(*seen).returncode == 0, 40, f"{name} is served")

    yield install
    if there:
        kubectl("delete", "--ignore-not-found", *there)


@pytest.fixture(scope="session")
def user_image(operator: Operator, kubeconfig: Path) -> str:
    """The train image with a package of a user's own in it, as docs/pipelines.md describes it."""
    return images.with_user_code(operator.train_image, kubeconfig.parent)
