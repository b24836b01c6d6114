"""`forebay version`: what is installed, for bug reports and scripts."""

import json
import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from typing import Any

import typer

from forebay import __version__
from forebay.cli.options import Output, TextFormat
from forebay.kube.port import API_VERSION

EXAMPLES = """\b
Example:
  forebay version -o json"""

PACKAGES = (
    "forebay-workloads",
    "torch",
    "onnxruntime",
    "bentoml",
    "duckdb",
    "pyarrow",
    "kopf",
    "kubernetes",
)


def version(output: Output = TextFormat.TEXT) -> None:
    """Shows the versions of Forebay, its API and what it works with."""
    found = describe()
    if output is TextFormat.JSON:
        typer.echo(json.dumps(found, indent=2))
        return
    typer.echo(f"forebay {found['forebay']} (API {found['api']}, Python {found['python']})")
    for name, number in found["packages"].items():
        typer.echo(f"  {name} {number or 'not installed'}")


def describe() -> dict[str, Any]:
    """The versions as one document; None for a package that is not installed."""
    packages = {name: _installed(name) for name in PACKAGES}
    return {
        "forebay": __version__,
        "api": API_VERSION,
        "python": platform.python_version(),
        "packages": packages,
    }


def _installed(name: str) -> str | None:
    try:
        return installed(name)
    except PackageNotFoundError:
        return None
