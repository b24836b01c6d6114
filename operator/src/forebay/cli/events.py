"""`forebay events`: what happened, oldest first."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from forebay.cli import eventlist, kinds, session
from forebay.cli.failure import UsageError
from forebay.cli.options import DEFAULT_STATE, Namespace, State
from forebay.kube.port import Kube, Obj

EXAMPLES = """\b
Examples:
  forebay events
  forebay events --for nsr/movies-1f2e3d4c"""

For = Annotated[
    str | None, typer.Option("--for", metavar="KIND/NAME", help="Only events of this object.")
]


def events(state: State = DEFAULT_STATE, namespace: Namespace = None, target: For = None) -> None:
    """Shows events."""
    found = session.using(state, lambda kube: _events(kube, target, namespace))
    if found:
        typer.echo(eventlist.render(found, datetime.now(UTC)))
    else:
        typer.echo("No events found.", err=True)


async def _events(kube: Kube, target: str | None, namespace: str | None) -> list[Obj]:
    if target is None:
        return await eventlist.listed(kube, namespace)
    word, name = kinds.split(target, None)
    if name is None:
        raise UsageError(f"--for {target!r}: write KIND/NAME, such as nsr/movies-1f2e3d4c")
    obj = await session.find(kube, kinds.resolve_one(word), name, namespace)
    return await eventlist.listed(kube, obj["metadata"]["namespace"], obj["metadata"]["uid"])
