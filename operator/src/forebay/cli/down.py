"""`forebay down`: stops what keeps running after `forebay run`."""

import typer

from forebay.cli import session
from forebay.cli.options import DEFAULT_STATE, State

EXAMPLES = """\b
Examples:
  forebay down
  forebay down --state /tmp/trial"""


def down(state: State = DEFAULT_STATE) -> None:
    """Stops served models and the process that keeps them; objects and data stay, `run` serves them again."""
    from forebay.local import keeper  # noqa: PLC0415 - heavy; only this command pays for it

    stopped = session.exists(state) and keeper.stop(state)
    typer.echo("stopped" if stopped else f"nothing is running in {state}")
