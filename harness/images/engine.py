"""docker, podman or buildah behind the few verbs that a build needs. It decides nothing but which one answers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.cluster import packages
from harness.shell import attempt, run

_BUILD_SECONDS = 3600
_SAVE_SECONDS = 900
_PULL_SECONDS = 300


@dataclass(frozen=True)
class Engine:
    """One of the three programs; `options` are what its `build` needs on any machine."""

    program: str
    options: tuple[str, ...] = ()

    def build(
        self, reference: str, dockerfile: Path, context: Path, arguments: Mapping[str, str]
    ) -> None:
        """Builds and tags. What is unchanged comes from the engine's cache of layers."""
        pairs = [f"--build-arg={key}={value}" for key, value in arguments.items()]
        command = (
            self.program,
            "build",
            *self.options,
            f"--file={dockerfile}",
            f"--tag={reference}",
        )
        run("nice", *command, *pairs, str(context), timeout=_BUILD_SECONDS)

    def identity(self, reference: str) -> str:
        """The id of a local image; "" when there is none."""
        done = attempt(*self._inspect, self._field("{{.FromImageID}}", "{{.Id}}"), reference)
        return done.stdout.strip() if done.returncode == 0 else ""

    def size(self, reference: str) -> int:
        """Bytes of its unpacked layers, as the engine counts them."""
        if self.program != "buildah":
            return int(run(*self._inspect, "--format={{.Size}}", reference))
        listed = run("buildah", "images", "--format={{.ID}} {{.Size}}", "--no-trunc", reference)
        return _bytes(listed.split(maxsplit=1)[1])

    def pull(self, reference: str) -> bool:
        """Whether a registry has it for us."""
        return attempt(self.program, "pull", "-q", reference, timeout=_PULL_SECONDS).returncode == 0

    def save(self, reference: str, archive: Path) -> None:
        """Writes a docker-archive, complete or not at all."""
        part = archive.with_suffix(".part")
        part.unlink(missing_ok=True)
        if self.program == "buildah":
            target = f"docker-archive:{part}:{reference}"
            run("nice", "buildah", "push", "-q", reference, target, timeout=_SAVE_SECONDS)
        else:
            run("nice", self.program, "save", "-o", str(part), reference, timeout=_SAVE_SECONDS)
        part.replace(archive)

    @property
    def _inspect(self) -> tuple[str, ...]:
        if self.program == "buildah":
            return ("buildah", "inspect", "--type=image")
        return (self.program, "image", "inspect")

    def _field(self, buildah: str, others: str) -> str:
        return f"--format={buildah if self.program == 'buildah' else others}"


def _bytes(text: str) -> int:
    """`207 MB`, as buildah prints sizes."""
    number, unit = text.split()
    return int(float(number) * {"B": 1, "KB": 10**3, "kB": 10**3, "MB": 10**6, "GB": 10**9}[unit])


def choose(wanted: str = "") -> Engine:
    """The first that works; on a machine with none, buildah is installed where that can be done."""
    names = (wanted,) if wanted else ("docker", "podman", "buildah")
    for name in names:
        if attempt(name, "info").returncode == 0:
            return _engine(name)
    if wanted not in ("", "buildah"):
        raise RuntimeError(f"{wanted} does not work here: `{wanted} info` says why")
    packages.ensure({"buildah": "buildah"})
    return _engine("buildah")


def _engine(name: str) -> Engine:
    if name != "buildah":
        return Engine(name)
    # chroot works where containers themselves do not nest; a build runs nothing but our own Dockerfiles
    isolation = os.environ.get("BUILDAH_ISOLATION", "chroot")
    return Engine("buildah", ("--layers", f"--isolation={isolation}"))
