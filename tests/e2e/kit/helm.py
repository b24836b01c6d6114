"""Helm as the e2e tests use it: against one cluster, with the images of `make images`."""

import subprocess
from collections.abc import Iterable
from pathlib import Path

CHART = Path(__file__).parents[3] / "charts" / "forebay"


class HelmError(AssertionError):
    """Helm ended with another exit code than 0; holds what it said."""


class Helm:
    """Runs helm. Release and namespace are always named."""

    def __init__(self, program: Path | str, kubeconfig: Path) -> None:
        self.program, self._kubeconfig = str(program), kubeconfig

    def __call__(self, *args: str) -> str:
        """Standard output; raises HelmError with standard error."""
        done = self.attempt(*args)
        if done.returncode != 0:
            raise HelmError(f"helm {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def attempt(self, *args: str) -> "subprocess.CompletedProcess[str]":
        """The ended process, whatever its exit code."""
        command = [self.program, f"--kubeconfig={self._kubeconfig}", *args]
        return subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)


def local_images(tag: str) -> list[str]:
    """Arguments that take the images of this machine instead of published ones."""
    names = {"image": "operator", "pods.trainImage": "train", "pods.serveImage": "serve"}
    return sets(
        f"{value}.{field}={text}"
        for value, name in names.items()
        for field, text in (("repository", f"localhost/forebay/{name}"), ("tag", tag))
    )


def sets(values: Iterable[str]) -> list[str]:
    """`--set` before each value."""
    return [part for value in values for part in ("--set", value)]
