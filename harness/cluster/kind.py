"""The same commands on kind, where a Docker engine answers."""

from __future__ import annotations

import shutil
from pathlib import Path

from harness import tools
from harness.folders import ROOT
from harness.shell import attempt, run

NAME = "forebay"


def is_usable() -> bool:
    """Whether a Docker engine answers."""
    return attempt("docker", "info").returncode == 0


def _kind(*arguments: str, timeout: float = 300) -> str:
    """Calls the machine's own kind, else the one that we build."""
    program = shutil.which("kind") or str(tools.ensure("kind"))
    return run(program, *arguments, timeout=timeout)


class Kind:
    """The cluster that kind-config.yaml describes."""

    def __init__(self, root: Path) -> None:
        self.kubeconfig = root / "kubeconfig"

    @property
    def _this(self) -> tuple[str, str]:
        return f"--name={NAME}", f"--kubeconfig={self.kubeconfig}"

    def running(self) -> bool:
        """Whether kind knows it."""
        return NAME in _kind("get", "clusters").split()

    def up(self) -> None:
        """Creates it unless it is there; writes the kubeconfig."""
        self.kubeconfig.parent.mkdir(parents=True, exist_ok=True)
        if self.running():
            _kind("export", "kubeconfig", *self._this)
            return
        config = f"--config={ROOT / 'kind-config.yaml'}"
        _kind("create", "cluster", *self._this, config, "--wait=120s", timeout=900)

    def load(self, image: Path) -> None:
        """Imports a docker-archive into every node."""
        _kind("load", "image-archive", str(image), f"--name={NAME}", timeout=900)

    def image(self, name: str) -> str:
        """The digest of the configuration of the nodes' image of that name; "" when they have none."""
        inspect = ("crictl", "inspecti", "-o", "go-template", "--template={{.status.id}}", name)
        return attempt("docker", "exec", f"{NAME}-control-plane", *inspect).stdout.strip()

    def down(self) -> None:
        """Deletes it; its nodes are containers, so nothing else is left."""
        _kind("delete", "cluster", *self._this)
