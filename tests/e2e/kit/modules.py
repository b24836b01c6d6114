"""Definitions of other projects: they lie as files in their Go modules, which come through Go's own proxy."""

import functools
import json
import subprocess
import tempfile
from pathlib import Path

KEDA = "github.com/kedacore/keda/v2@v2.21.0"
GATEWAY_API = "sigs.k8s.io/gateway-api@v1.4.1"
KUSTOMIZE_CONTROLLER = "github.com/fluxcd/kustomize-controller@v1.7.3"
SOURCE_CONTROLLER = "github.com/fluxcd/source-controller@v1.7.0"
HELM_CONTROLLER = "github.com/fluxcd/helm-controller@v1.4.0"
ARGO_CD = "github.com/argoproj/argo-cd/v3@v3.2.0"


def definitions(module: str, *files: str) -> list[Path]:
    """Paths of a module's CustomResourceDefinitions."""
    return [folder(module) / file for file in files]


@functools.cache
def folder(module: str) -> Path:
    """The folder of a module's files; `module` is `path@version`."""
    with tempfile.TemporaryDirectory() as scratch:  # outside of any module of ours
        done = subprocess.run(
            ["go", "mod", "download", "-json", module],
            cwd=scratch,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
    told = json.loads(done.stdout or "{}")
    assert told.get("Dir"), f"{module}: {told.get('Error') or done.stderr}"
    return Path(told["Dir"])
