"""A release of the chart that watches one namespace, as somebody without rights over the cluster has it."""

import json
from dataclasses import dataclass

from tests.e2e.kit.helm import CHART, Helm, local_images, sets
from tests.e2e.kit.kubectl import Kubectl, Obj


@dataclass(frozen=True)
class Release:
    """Named like its namespace `home`; `team` is what it watches. The definitions are somebody else's."""

    helm: Helm
    kubectl: Kubectl
    home: str
    team: str
    tag: str

    def install(self, *values: str) -> None:
        """Installs or upgrades, and waits until the operator is ready."""
        own = [f"watchNamespaces={{{self.team}}}", "crds.install=false", "fullnameOverride=forebay"]
        arguments = [*local_images(self.tag), *sets([*own, *values])]
        where = ["--namespace", self.home, "--wait", "--timeout=180s"]
        self.helm("upgrade", "--install", self.home, str(CHART), *where, *arguments)

    def pods(self) -> list[Obj]:
        """The operator's pods, the leaving ones too."""
        return self.kubectl.list("pods", self.home, "-l", "app.kubernetes.io/component=operator")

    def cluster_wide(self) -> list[str]:
        """Kind and name of everything of this release that lies in no namespace."""
        kinds = "clusterroles,clusterrolebindings,validatingadmissionpolicies,crds"
        chosen = f"app.kubernetes.io/instance={self.home}"
        found = json.loads(self.kubectl("get", kinds, "-l", chosen, "-o", "json"))
        return [f"{obj['kind']}/{obj['metadata']['name']}" for obj in found["items"]]

    def uninstall(self) -> None:
        """Waits until what the chart made is gone."""
        self.helm("uninstall", self.home, "-n", self.home, "--wait", "--timeout=120s")
