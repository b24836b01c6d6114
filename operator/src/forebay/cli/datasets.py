"""`forebay datasets`: public data to try things with.

The control plane imports nothing of the data plane but its contract, so the data plane's own program does
the work in a process of its own; it says what it does in JSON lines on stdout.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from forebay.cli import table
from forebay.cli.failure import UserError
from forebay.cli.options import Output, TextFormat

app = typer.Typer(
    name="datasets", no_args_is_help=True, help="Public data sets to try things with."
)
PROGRAM = (sys.executable, "-m", "forebay_workloads.datasets")

LIST_EXAMPLES = """\b
Example:
  forebay datasets list"""
FETCH_EXAMPLES = """\b
Example:
  forebay datasets fetch movielens-100k --to data"""

Name = Annotated[str, typer.Argument(help="One of `forebay datasets list`.")]
To = Annotated[
    Path, typer.Option("--to", metavar="DIR", file_okay=False, help="Folder for its files.")
]


@app.command("list", epilog=LIST_EXAMPLES)
def list_datasets(output: Output = TextFormat.TEXT) -> None:
    """Lists the data sets that can be fetched."""
    found = [line for line in _said(["list"]) if "name" in line]
    if output is TextFormat.JSON:
        typer.echo(json.dumps(found, indent=2))
        return
    rows = [
        [
            line["name"],
            _count(line.get("rows")),
            line.get("licence") or line.get("license"),
            line.get("description"),
        ]
        for line in found
    ]
    typer.echo(table.render(["NAME", "ROWS", "LICENCE", "DESCRIPTION"], rows))


@app.command("fetch", epilog=FETCH_EXAMPLES)
def fetch(name: Name, to: To = Path("data")) -> None:
    """Fetches a data set, checks its sha256 and leaves its files in a folder."""
    shown = ""
    for line in _said(["fetch", name, "--to", str(to)]):
        text = _progress(line)
        if text and text != shown:
            typer.echo(text, err=True)
            shown = text
    typer.echo(f"{name}: {to}")


def _said(arguments: list[str]) -> Iterator[dict[str, Any]]:
    """The JSON lines that the program prints, as they come. Raises UserError when it fails."""
    with tempfile.TemporaryFile("w+") as errors:  # not a pipe: nobody reads it before the end
        with subprocess.Popen(  # noqa: S603 - our own program; arguments are never read by a shell
            [*PROGRAM, *arguments], stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process:
            for line in process.stdout or ():
                if line.startswith("{"):
                    yield json.loads(line)
        if process.returncode != 0:
            errors.seek(0)
            last = (errors.read().strip().splitlines() or [f"exit code {process.returncode}"])[-1]
            raise UserError(f"datasets {arguments[0]}: {last}")


def _progress(line: dict[str, Any]) -> str:
    """One line for people."""
    if line.get("message"):
        return str(line["message"])
    if "file" in line:
        return f"  {line['file']}  {_count(line.get('rows'))} rows"
    return ""


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else ""
