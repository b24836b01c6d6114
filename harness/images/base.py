"""The stand-in for the base image where no image registry can be reached: Debian with Python 3.11, as small.

Made by mmdebstrap from the machine's own Debian mirror, once per user. It is for tests: nothing updates it.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
import tempfile
from pathlib import Path

from harness.cluster import packages
from harness.folders import cache
from harness.images.engine import Engine
from harness.shell import attempt, run

_SUITE = "bookworm"  # the one whose python3 is 3.11
_PACKAGES = ("python3.11-venv", "libstdc++6", "ca-certificates", "tzdata")
_HOOK = "/usr/share/mmdebstrap/hooks/maybe-merged-usr"  # without it usrmerge brings Perl, 50 MB
_DPKG = (
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
    "path-exclude=/usr/share/locale/*",
)
_HOOKS = (
    'rm -rf "$1"/var/cache/* "$1"/var/log/*',
    'ln -s ../../bin/python3 "$1/usr/local/bin/python"',
)
_DOCKERFILE = 'FROM scratch\nADD rootfs.tar /\nENV LANG=C.UTF-8\nCMD ["python3"]\n'
_SECONDS = 1800


def ensure(engine: Engine) -> str:
    """The stand-in's name in the engine's storage; builds what is missing."""
    reference = f"localhost/python:3.11-slim-{_recipe()}"
    if engine.identity(reference):
        return reference
    print(f"no registry has the base image for us: making {reference}", file=sys.stderr, flush=True)
    archive = cache("images") / f"rootfs-{_recipe()}.tar"
    if not archive.exists():
        _bootstrap(archive)
    with tempfile.TemporaryDirectory(dir=cache("images")) as scratch:
        folder = Path(scratch)
        (folder / "Dockerfile").write_text(_DOCKERFILE)
        (folder / "rootfs.tar").hardlink_to(archive)
        engine.build(reference, folder / "Dockerfile", folder, {})
    return reference


def _recipe() -> str:
    parts = (_SUITE, *_PACKAGES, _HOOK, *_DPKG, *_HOOKS, _DOCKERFILE)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _bootstrap(archive: Path) -> None:
    packages.ensure({"mmdebstrap": "mmdebstrap"})
    part = archive.with_suffix(".part.tar")
    options = [
        "--variant=essential",
        f"--include={','.join(_PACKAGES)}",
        f"--hook-dir={_HOOK}",
        *(f"--dpkgopt={option}" for option in _DPKG),
        *(f"--customize-hook={hook}" for hook in _HOOKS),
    ]
    run("nice", "mmdebstrap", *options, _SUITE, str(part), *mirrors(), timeout=_SECONDS)
    shutil.move(part, archive)


def mirrors() -> list[str]:
    """The machine's own lines for Debian's suite; none on another distribution: then mmdebstrap knows Debian's."""
    form = "$(ORIGIN)|$(REPO_URI)|$(CODENAME)|$(COMPONENT)"
    listed = attempt("apt-get", "indextargets", "Created-By: Packages", "--format", form).stdout
    rows = {tuple(line.split("|")) for line in listed.splitlines() if line.count("|") == 3}  # noqa: PLR2004 - fields of `form`
    return [
        f"deb {uri} {suite} {component}"
        for origin, uri, suite, component in sorted(rows)
        if origin == "Debian" and suite.split("-")[0] == _SUITE and component == "main"
    ]
