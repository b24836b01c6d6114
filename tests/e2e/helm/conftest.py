"""The Helm that the harness built, and a release of one's own that watches one namespace."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import tools

from tests.e2e.kit.helm import Helm
from tests.e2e.kit.kubectl import Kubectl
from tests.e2e.kit.operator import Operator
from tests.e2e.kit.release import Release

RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"


@pytest.fixture(scope="session")
def helm(kubectl: Kubectl, kubeconfig: Path) -> Helm:
    """Asks for the cluster first: without one the test ends with the command that makes one."""
    return Helm(tools.ensure("helm"), kubeconfig)


@pytest.fixture(scope="module")
def release(helm: Helm, kubectl: Kubectl, operator: Operator) -> Iterator[Release]:
    """In a namespace of its own, watching another. The cluster-wide operator steps aside meanwhile.

    Two operators over one namespace would both answer: docs and README of the chart forbid it.
    """
    home = f"e2e-{uuid.uuid4().hex[:8]}"
    team = f"{home}-team"
    operator.scale(0)
    for namespace in (home, team):
        kubectl("create", "namespace", namespace)
        kubectl("label", "namespace", namespace, RESTRICTED)
    made = Release(helm, kubectl, home, team, operator.tag)
    made.install()
    yield made
    helm("uninstall", home, "-n", home, "--ignore-not-found", "--wait")
    for namespace in (home, team):
        kubectl("delete", "namespace", namespace, "--wait=false", "--ignore-not-found")
    operator.scale(1)
