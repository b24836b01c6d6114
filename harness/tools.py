"""Programs that no package index has ready: built from their Go modules once per user and version.

`python -m harness.tools NAME…` prints their paths. A build is made in a folder beside and moved in place, under
a lock, so that neither a kill nor a second caller can leave half a program.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.folders import HERE, cache

if TYPE_CHECKING:
    from collections.abc import Iterator

KUBERNETES = "1.36.3"
_VERSION = "k8s.io/component-base/version"


@dataclass(frozen=True)
class Tool:
    """How a program is built: `package` of a module by `go install`, or the module in the folder `source` of ours."""

    version: str
    minutes: str  # how long a first build takes on two cores, for whoever waits
    package: str = ""  # import path of its main package
    source: str = ""  # folder below harness/ with main.go and go.mod
    flags: str = ""  # for the linker, besides -s -w
    of: str = ""  # the tool that is this one under another name


_NAMES_OF_KUBED = (
    "etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet", "kubectl",
)  # fmt: skip
TOOLS: Mapping[str, Tool] = {
    "kubed": Tool(
        KUBERNETES,
        "8",
        source="kubed",
        flags=f"-X {_VERSION}.gitVersion=v{KUBERNETES} -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36",
    ),
    **{name: Tool(KUBERNETES, "8", of="kubed") for name in _NAMES_OF_KUBED},
    "pause": Tool("1", "0.1", source="pause"),
    "coredns": Tool("1.13.1", "4", package="github.com/coredns/coredns"),
    "helm": Tool("4.3.1", "3", package="helm.sh/helm/v4/cmd/helm"),
    "kwok": Tool("0.8.0", "2", package="sigs.k8s.io/kwok/cmd/kwok"),
    "metrics-server": Tool("0.9.0", "3", package="sigs.k8s.io/metrics-server/cmd/metrics-server"),
}


def ensure(name: str) -> Path:
    """The program's path; builds it when it is missing. KeyError for an unknown name, RuntimeError when it fails."""
    tool = TOOLS[name]
    if tool.of:
        return _linked(name, ensure(tool.of))
    folder = cache("tools", f"{name}-{tool.version}{_digest(tool)}")
    program = folder / name
    if program.exists():
        return program
    with _locked(folder):
        if not program.exists():  # somebody else may have built it while we waited
            _build(name, tool, program)
    return program


def _digest(tool: Tool) -> str:
    """Of our own sources, so that a change of them is built; "" for somebody else's, whose version is enough."""
    if not tool.source:
        return ""
    texts = b"".join(path.read_bytes() for path in sorted((HERE / tool.source).iterdir()))
    return "-" + hashlib.sha256(texts).hexdigest()[:8]


def _linked(name: str, program: Path) -> Path:
    link = program.with_name(name)
    if not link.is_symlink():
        link.symlink_to(program.name)
    return link


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(name: str, tool: Tool, program: Path) -> None:
    if shutil.which("go") is None:
        raise RuntimeError(
            f"{name} is built from its Go module: install Go 1.26 or newer, https://go.dev/dl"
        )
    started = time.monotonic()
    print(
        f"building {name} {tool.version}: about {tool.minutes} min, once",
        file=sys.stderr,
        flush=True,
    )
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        done = subprocess.run(
            _command(tool, scratch, name),
            cwd=HERE / tool.source if tool.source else scratch,
            env={**os.environ, "CGO_ENABLED": "0", "GOBIN": scratch},
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} {tool.version} could not be built:\n{done.stderr[-4000:]}")
        (Path(scratch) / name).rename(program)
    print(f"built {name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def _command(tool: Tool, scratch: str, name: str) -> list[str]:
    linker = ["-trimpath", "-ldflags", f"-s -w {tool.flags}".strip()]
    if tool.source:
        return ["go", "build", "-buildvcs=false", *linker, "-o", f"{scratch}/{name}", "."]
    return ["go", "install", *linker, f"{tool.package}@v{tool.version}"]


def main() -> None:
    """Prints the path of each named tool."""
    unknown = [name for name in sys.argv[1:] if name not in TOOLS]
    if unknown or not sys.argv[1:]:
        sys.exit(f"usage: python -m harness.tools NAME…  (known: {', '.join(sorted(TOOLS))})")
    for name in sys.argv[1:]:
        print(ensure(name))


if __name__ == "__main__":
    main()
