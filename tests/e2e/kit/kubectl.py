"""kubectl as the e2e tests use it: the program that users have, so that what is tested is what they see."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Obj = dict[str, Any]


class KubectlError(AssertionError):
    """kubectl ended with another exit code than 0; holds what it said."""


class Kubectl:
    """Runs kubectl against one cluster. Namespaces are always named: there is no current one."""

    def __init__(self, program: Path | str, kubeconfig: Path) -> None:
        self.program = str(program)
        self.kubeconfig = kubeconfig

    def command(self, *args: str) -> list[str]:
        """The argument vector, for those who start it themselves."""
        return [self.program, f"--kubeconfig={self.kubeconfig}", *args]

    def __call__(self, *args: str, text: str | None = None, timeout: float = 120) -> str:
        """Standard output; raises KubectlError with standard error."""
        done = self.attempt(*args, text=text, timeout=timeout)
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(args)}: {done.stderr.strip()}")
        return done.stdout

    def attempt(
        self, *args: str, text: str | None = None, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """The ended process, whatever its exit code."""
        return subprocess.run(
            self.command(*args),
            input=text,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def apply(self, objects: Sequence[Obj], namespace: str, *more: str) -> str:
        """Client-side apply, as `kubectl apply -f` does it; further arguments go to kubectl."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        return self("apply", "-n", namespace, "-f", "-", *more, text=text)

    def get(self, kind: str, name: str, namespace: str) -> Obj | None:
        """The object, or None when there is none."""
        text = self("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
        found: Obj | None = json.loads(text) if text.strip() else None
        return found

    def list(self, kind: str, namespace: str, *more: str) -> list[Obj]:
        """All objects of a kind in a namespace, the oldest first."""
        text = self("get", kind, "-n", namespace, "-o", "json", *more)
        return sorted(json.loads(text)["items"], key=lambda o: o["metadata"]["creationTimestamp"])

    def patch(self, kind: str, name: str, namespace: str, body: Obj, *more: str) -> None:
        """Merge patch."""
        spec = json.dumps(body)
        self("patch", kind, name, "-n", namespace, "--type=merge", "-p", spec, *more)
