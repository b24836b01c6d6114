"""`forebay validate`: all that is wrong with files, without touching anything."""

import typer

from forebay.cli import session
from forebay.cli.loader import load
from forebay.cli.options import DEFAULT_STATE, Files, State

EXAMPLES = """\b
Examples:
  forebay validate -f examples/recommendation
  cat pipeline.yaml | forebay validate -f -"""


def validate(filename: Files, state: State = DEFAULT_STATE) -> None:
    """Checks files as `run` does: schema, rules and references. Exit code 2 when something is wrong."""
    for item in load(filename, session.stored(state), skip=state):
        typer.echo(f"{item.document.place} {item.ref.kind.kind} {item.ref.name}: valid")
