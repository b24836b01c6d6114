"""`forebay report`: where a run's report is, or a copy of it."""

import shutil
from pathlib import Path
from typing import Annotated

import typer

from forebay.cli import runs, session
from forebay.cli.failure import UserError
from forebay.cli.options import DEFAULT_STATE, Namespace, RunName, State
from forebay.kube.port import Obj

EXAMPLES = """\b
Examples:
  forebay report movies --open
  forebay report movies-1f2e3d4c --to report.html"""

Open = Annotated[bool, typer.Option("--open", help="Open it in the browser.")]
To = Annotated[
    Path | None,
    typer.Option("--to", metavar="FILE|DIR", help="Copy it there instead of showing where it is."),
]


def report(
    run: RunName,
    to: To = None,
    open_it: Open = False,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
) -> None:
    """Prints the path of a run's HTML report."""
    found = session.using(state, lambda kube: runs.find_run(kube, run, namespace))
    path = file_of(found, state)
    if to is not None:
        target = to / path.name if to.is_dir() else to
        path = Path(shutil.copyfile(path, target))
    typer.echo(str(path))
    if open_it:
        typer.launch(str(path))


def file_of(run: Obj, state: Path) -> Path:
    """The report's file. Raises UserError when there is none."""
    name, where = run["metadata"]["name"], (run.get("status") or {}).get("report")
    if not where:
        hint = (
            f"`forebay logs {name} --stage report` says why."
            if runs.phase(run) in runs.FINISHED
            else None
        )
        raise UserError(
            f"run {name} has no report{'' if hint else ' yet: it is not finished'}", hint=hint
        )
    path = local_path(str(where), state)
    if not path.is_file():
        raise UserError(f"the report of {name} is gone: there is no {path}")
    return path


def local_path(where: str, state: Path) -> Path:
    """The file that a run's status.report means on this machine."""
    path = Path(where.removeprefix("file://"))
    return path if path.is_absolute() or path.exists() else state / path
