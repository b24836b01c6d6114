"""Programs that no package index has ready: built from their Go modules once per user and version.

`python -m harness.tools NAME…` prints their paths. A build is made in a folder beside and moved in place, under
a lock, so that neither a kill nor a second caller can leave half a program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from harness.folders import HERE, cache, locked

KUBERNETES = "1.36.3"
_VERSION = "k8s.io/component-base/version"
_KEDA = "github.com/kedacore/keda/v2/cmd"
_EVERY = 20  # seconds between two lines about a build


@dataclass(frozen=True)
class Tool:
    """How a program is built: `package` of a module by `go install`, or from the module in our folder `source`.

    With both, `package` is built with the versions that our module pins.
    """

    version: str
    minutes: str  # how long a first build takes on two cores, for whoever waits
    package: str = ""  # import path of its main package
    source: str = ""  # folder below harness/ with go.mod, and main.go where there is no package
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
    "kind": Tool("0.33.0", "1", package="sigs.k8s.io/kind"),
    "metrics-server": Tool("0.9.0", "3", package="sigs.k8s.io/metrics-server/cmd/metrics-server"),
    "keda": Tool("2.21.0", "10", package=f"{_KEDA}/operator", source="keda"),
    "keda-adapter": Tool("2.21.0", "1", package=f"{_KEDA}/adapter", source="keda"),
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
    with locked(folder):
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
    with suppress(FileExistsError):
        link.symlink_to(program.name)
    return link


def _build(name: str, tool: Tool, program: Path) -> None:
    if shutil.which("go") is None:
        raise RuntimeError(
            f"{name} is built from its Go module: install Go 1.26 or newer, https://go.dev/dl"
        )
    started = time.monotonic()
    _say(f"building {name} {tool.version}: about {tool.minutes} min, once")
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        with subprocess.Popen(
            _command(tool, scratch, name),
            cwd=HERE / tool.source if tool.source else scratch,
            env={**os.environ, "CGO_ENABLED": "0", "GOBIN": scratch},
            stderr=subprocess.PIPE,
            text=True,
        ) as building:
            said = _follow(name, building)
        if building.returncode:
            raise RuntimeError(f"{name} {tool.version} could not be built:\n{said}")
        (Path(scratch) / name).rename(program)
    _say(f"built {name} in {time.monotonic() - started:.0f} s")


def _follow(name: str, building: subprocess.Popen[str]) -> str:
    """Tells now and then how far a build is; returns the last of what the compiler said."""
    last: deque[str] = deque(maxlen=30)
    packages, told = 0, time.monotonic()
    for line in building.stderr or ():
        last.append(line)
        packages += not line.startswith(("#", "go:", "\t")) and " " not in line.strip()
        if time.monotonic() - told > _EVERY:
            told = time.monotonic()
            _say(f"building {name}: {packages} packages compiled")
    return "".join(last)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _command(tool: Tool, scratch: str, name: str) -> list[str]:
    how = ["-v", "-trimpath", "-ldflags", f"-s -w {tool.flags}".strip()]
    if tool.source:
        return ["go", "build", "-buildvcs=false", *how, "-o", f"{scratch}/{name}", tool.package]
    return ["go", "install", *how, f"{tool.package}@v{tool.version}"]


def main() -> None:
    """Prints the path of each named tool."""
    unknown = [name for name in sys.argv[1:] if name not in TOOLS]
    if unknown or not sys.argv[1:]:
        sys.exit(f"usage: python -m harness.tools NAME…  (known: {', '.join(sorted(TOOLS))})")
    for name in sys.argv[1:]:
        print(ensure(name))


if __name__ == "__main__":
    main()
