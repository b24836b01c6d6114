"""The three images: their Dockerfiles, what goes into each, how big each may be. Nothing else knows a name of one."""

from __future__ import annotations

from dataclasses import dataclass

from harness.folders import ROOT

REPOSITORY = "localhost/forebay"
BASE = "python:3.11-slim"  # the Dockerfiles' own default
_WORKLOADS = ("workloads/pyproject.toml", "workloads/README.md", "workloads/src")
_OPERATOR = ("operator/pyproject.toml", "operator/README.md", "operator/src")
_ALWAYS = ("LICENSE", "requirements/build.txt", "requirements/local/README.md")


@dataclass(frozen=True)
class Image:
    """One image; `paths` are the files and folders that its Dockerfile copies."""

    name: str
    dockerfile: str
    paths: tuple[str, ...]
    limit: int  # MB, as the engine counts: issue's limits, and for train what it may not grow to
    torch: bool = False  # takes a wheel of torch where this machine has one

    def reference(self, tag: str) -> str:
        """The name it is built, loaded and run as."""
        return f"{REPOSITORY}/{self.name}:{tag}"


IMAGES = (
    Image(
        "operator",
        "operator/Dockerfile",
        (*_ALWAYS, "requirements/operator.txt", *_WORKLOADS, *_OPERATOR),
        limit=250,
    ),
    Image(
        "train",
        "workloads/docker/train.Dockerfile",
        (*_ALWAYS, "requirements/train.txt", *_WORKLOADS),
        limit=1400,
        torch=True,
    ),
    Image(
        "serve",
        "workloads/docker/serve.Dockerfile",
        (*_ALWAYS, "requirements/serve.txt", *_WORKLOADS),
        limit=700,
    ),
)


def version() -> str:
    """The release that the source says it is."""
    for line in (ROOT / "operator" / "pyproject.toml").read_text().splitlines():
        if line.startswith("version = "):
            return line.split('"')[1]
    raise ValueError("operator/pyproject.toml has no version")
