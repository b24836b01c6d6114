"""The same commands on kind, where a Docker engine answers."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness.cluster.shell import attempt, run
from harness.folders import ROOT

NAME = "forebay"


def is_usable() -> bool:
    """Whether Docker answers and kind is installed."""
    return (
        bool(shutil.which("docker") and shutil.which("kind"))
        and attempt("docker", "info").returncode == 0
    )


class Kind:
    """The cluster that kind-config.yaml describes."""

    def __init__(self, root: Path) -> None:
        self.kubeconfig = root / "kubeconfig"

    def running(self) -> bool:
        """Whether kind knows it."""
        return NAME in run("kind", "get", "clusters").split()

    def up(self) -> None:
        """Creates it unless it is there; writes the kubeconfig."""
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        if self.running():
            run("kind", "export", "kubeconfig", f"--name={NAME}", f"--kubeconfig={self.kubeconfig}")
            return
        config = ROOT / "kind-config.yaml"
        run(
            "kind", "create", "cluster", f"--name={NAME}", f"--config={config}",
            f"--kubeconfig={self.kubeconfig}", "--wait=120s", timeout=900,
        )  # fmt: skip

    def load(self, image: Path) -> None:
        """Imports a docker-archive into every node."""
        run("kind", "load", "image-archive", str(image), f"--name={NAME}", timeout=900)

    def image(self, name: str) -> str:
        """The digest of the configuration of the nodes' image of that name; "" when they have none."""
        inspect = ("crictl", "inspecti", "-o", "go-template", "--template={{.status.id}}", name)
        return attempt("docker", "exec", f"{NAME}-control-plane", *inspect).stdout.strip()

    def down(self) -> None:
        """Deletes it; its nodes are containers, so nothing else is left."""
        run("kind", "delete", "cluster", f"--name={NAME}", f"--kubeconfig={self.kubeconfig}")
