"""One image from its context to its archive, skipped when nothing that decides it has changed."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from harness.folders import ROOT, cache
from harness.images import context
from harness.images.engine import Engine
from harness.images.spec import Image, version
from harness.shell import attempt


@dataclass(frozen=True)
class Built:
    """What is remembered of a build, beside its archive."""

    reference: str
    digest: str  # of everything that decided it
    identity: str  # in the engine's storage
    size: int  # bytes
    seconds: float  # 0 when it was skipped


@dataclass(frozen=True)
class Builder:
    """Builds with one engine, base and tag. `find_base` is only called when something has to be built."""

    engine: Engine
    tag: str
    base: str  # as it was asked for; decides the digest
    find_base: Callable[[], str]

    def build(self, image: Image) -> Built:
        """The image and its archive are there afterwards, and are of the source as it is now."""
        folder = cache("images", "context") / image.name
        context.stage(image, folder, _python(self.base))
        reference = image.reference(self.tag)
        digest = context.digest(folder, {"base": self.base, "reference": reference})
        before = self._before(image, digest)
        if before:
            return before
        started = time.monotonic()
        arguments = {"BASE": self.find_base(), "VERSION": version(), "REVISION": _revision()}
        self.engine.build(reference, folder / image.dockerfile, folder, arguments)
        self.engine.save(reference, self.archive(image))
        identity, size = self.engine.identity(reference), self.engine.size(reference)
        built = Built(reference, digest, identity, size, time.monotonic() - started)
        self._note(image).write_text(json.dumps(asdict(built)))
        return built

    def archive(self, image: Image) -> Path:
        """Where its docker-archive is."""
        return self._folder() / f"{image.name}.tar"

    def _folder(self) -> Path:
        return cache("images", *(() if self.tag == "dev" else (self.tag,)))

    def _note(self, image: Image) -> Path:
        return self._folder() / f"{image.name}.json"

    def _before(self, image: Image, digest: str) -> Built | None:
        """The last build, when it is of the same things and both the image and its archive are still there."""
        try:
            last = Built(**json.loads(self._note(image).read_text()))
        except (OSError, ValueError, TypeError):
            return None
        same = last.digest == digest and last.identity == self.engine.identity(last.reference)
        if not same or not self.archive(image).exists():
            return None
        return Built(last.reference, last.digest, last.identity, last.size, 0)


def _python(base: str) -> str:
    """The tag of wheels for the base's Python, by its name."""
    found = re.search(r"3\.(\d+)", base)
    return f"cp3{found[1] if found else 11}"


def _revision() -> str:
    """The commit, with a mark when the checkout has more than it."""
    described = attempt("git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=40")
    return described.stdout.strip() or "unknown"
