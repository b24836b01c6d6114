"""What only this machine knows and a build needs: pip's index and certificate, a wheel of torch. Written for a context.

It reads pip's own configuration, so that no index, mirror or certificate has to be named a second time.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from collections.abc import Iterator
from functools import cache as once
from pathlib import Path

from harness.folders import cache
from harness.shell import attempt

LOCAL = "requirements/local"  # where the Dockerfiles look
_TAKEN = (
    "index-url", "extra-index-url", "trusted-host", "proxy", "timeout", "default-timeout", "retries",
)  # fmt: skip
_LEVELS = ("global", "user", "site", "install", ":env:")  # later ones win, as in pip
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def prepare(context: Path, *, torch: bool, python: str) -> None:
    """Writes pip.conf, ca.crt and, for an image with torch, a wheel for `python` ("cp311") below the context."""
    folder = context / LOCAL
    folder.mkdir(parents=True, exist_ok=True)
    settings = pip_settings()
    lines = [f"{key} = {settings[key]}" for key in _TAKEN if key in settings]
    certificate = _certificate(settings)
    if certificate:
        shutil.copyfile(certificate, folder / "ca.crt")
        lines.append(f"cert = /{LOCAL}/ca.crt")
    if lines:
        (folder / "pip.conf").write_text("\n".join(["[global]", *lines, ""]))
    wheel = torch_wheel(settings, python) if torch else None
    if wheel:
        _link(wheel, folder / wheel.name)


@once
def pip_settings() -> dict[str, str]:
    """pip's effective settings by their plain names, whatever file or variable they come from."""
    listed = attempt(sys.executable, "-m", "pip", "config", "list").stdout
    found: dict[str, dict[str, str]] = {level: {} for level in _LEVELS}
    for line in listed.splitlines():
        name, _, value = line.partition("=")
        level, _, key = name.rpartition(".")
        if level in found:
            found[level][key] = str(ast.literal_eval(value)).strip().replace("\n", "\n  ")
    return {key: value for level in _LEVELS for key, value in found[level].items()}


def _certificate(settings: dict[str, str]) -> Path | None:
    """The CA bundle that pip uses here, when it is not pip's own."""
    named = (settings.get("cert"), *(os.environ.get(name) for name in _CA_VARIABLES))
    return next((Path(name) for name in named if name and Path(name).is_file()), None)


def torch_wheel(settings: dict[str, str], python: str) -> Path | None:
    """The newest CPU wheel in the folders that scripts/install_torch.sh looks in; None: PyTorch's own index."""
    machine = os.uname().machine
    pattern = f"torch-*+cpu-{python}-{python}-*{machine}.whl"
    wheels = [wheel for folder in _wheel_folders(settings) for wheel in folder.glob(pattern)]
    return max(wheels, key=_release, default=None)


def _wheel_folders(settings: dict[str, str]) -> Iterator[Path]:
    named = f"{settings.get('find-links', '')} {os.environ.get('FOREBAY_WHEELS', '')}".split()
    yield cache("wheels")
    yield from (Path(name) for name in named if Path(name).is_dir())


def _release(wheel: Path) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", wheel.name.split("+")[0]))


def _link(source: Path, target: Path) -> None:
    """A hard link where that is possible: such a wheel has 200 MB."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
