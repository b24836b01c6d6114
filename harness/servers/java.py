"""Java servers: their jars by Maven, once per user and version, and how a small JVM is started."""

from __future__ import annotations

import hashlib
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from harness.cluster import packages
from harness.folders import StateFolder, cache, locked
from harness.shell import run

_PROGRAMS = {"java": "openjdk-17-jre-headless", "mvn": "maven"}
_PROJECT = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>dev.forebay</groupId><artifactId>{name}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>{dependencies}</dependencies>
</project>
"""
_DEPENDENCY = (
    "<dependency><groupId>{}</groupId><artifactId>{}</artifactId><version>{}</version></dependency>"
)


def jars(name: str, artifacts: Sequence[str]) -> Path:
    """The folder of the artefacts (`group:name:version`; the first is the server) and all that they need."""
    text = project(name, artifacts)
    version = artifacts[0].rpartition(":")[2]
    folder = cache("servers", f"{name}-{version}")
    lib = folder / f"lib-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    if lib.exists():
        packages.ensure({"java": _PROGRAMS["java"]})
        return lib
    packages.ensure(_PROGRAMS)
    with locked(folder):
        if not lib.exists():  # somebody else may have fetched them while we waited
            _fetch(name, version, text, lib)
    return lib


def project(name: str, artifacts: Sequence[str]) -> str:
    """Maven's description of a project that is nothing but its dependencies. Pure."""
    dependencies = "".join(_DEPENDENCY.format(*artifact.split(":")) for artifact in artifacts)
    return _PROJECT.format(name=name, dependencies=dependencies)


def _fetch(name: str, version: str, text: str, lib: Path) -> None:
    print(f"fetching {name} {version} by Maven, once", file=sys.stderr, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=lib.parent) as scratch:
        pom, jars = Path(scratch, "pom.xml"), Path(scratch, "lib")
        pom.write_text(text)
        run(
            "mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies",
            "-DincludeScope=runtime", f"-DoutputDirectory={jars}", timeout=900,
        )  # fmt: skip
        jars.rename(lib)
    print(f"fetched {name} in {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)


def command(lib: Path, folder: StateFolder, heap: str, *rest: str) -> list[str]:
    """A JVM for a server of tests: small, quick to start, its temporary files in the state folder."""
    return [
        "java",
        "-Xms64m",
        f"-Xmx{heap}",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
        f"-Djava.io.tmpdir={folder.folder('tmp')}",
        "-cp",
        f"{folder.folder('conf')}:{lib}/*",
        *rest,
    ]
