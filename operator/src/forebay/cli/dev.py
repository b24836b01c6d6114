"""`forebay dev`: real stores and brokers on this machine, by the harness of a checkout (`checkout.py`)."""

import json
import time
from collections import deque
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from forebay.cli import table
from forebay.cli.checkout import Checkout, find
from forebay.cli.failure import UserError
from forebay.cli.options import Output, TextFormat

app = typer.Typer(
    name="dev",
    no_args_is_help=True,
    help="Real stores and brokers on this machine, to try things with; from a checkout only.",
)
NAMES = ("cassandra", "mongodb", "couchbase", "dynamodb", "hbase", "kafka")
POLL = 0.3  # seconds between two looks while following

UP_EXAMPLES = """\b
Examples:
  forebay dev up kafka cassandra mongodb > stores.yaml
  forebay run -f stores.yaml -f pipeline.yaml"""
DOWN_EXAMPLES = """\b
Examples:
  forebay dev down kafka
  forebay dev down --keep-data           # `forebay dev up` starts them on their data"""
STATUS_EXAMPLES = """\b
Examples:
  forebay dev status
  forebay dev status kafka -o json"""
LOGS_EXAMPLES = """\b
Examples:
  forebay dev logs cassandra --tail 20
  forebay dev logs kafka -f"""


def _complete(incomplete: str) -> list[str]:
    return [name for name in NAMES if name.startswith(incomplete)]


Name = Annotated[str, typer.Argument(help=f"One of {', '.join(NAMES)}.", autocompletion=_complete)]
Names = Annotated[
    list[str],
    typer.Argument(help=f"Some of {', '.join(NAMES)}.", autocompletion=_complete),
]
AnyNames = Annotated[
    list[str] | None,
    typer.Argument(help="Some of them; all that there are by default.", autocompletion=_complete),
]
From = Annotated[
    Path | None,
    typer.Option(
        "--checkout",
        metavar="DIR",
        envvar="FOREBAY_CHECKOUT",
        file_okay=False,
        help="Checkout of Forebay; by default the one that this is run in.",
    ),
]
KeepData = Annotated[bool, typer.Option("--keep-data", help="Leave their data where they are.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]
Tail = Annotated[int, typer.Option("--tail", min=0, help="Only the last lines.")]


@app.command("up", epilog=UP_EXAMPLES)
def up(names: Names, checkout: From = None) -> None:
    """Starts servers, with passwords on, and prints the DataStore and Secret of each.

    The first start of a server downloads it. Ctrl-C stops the one that is about to start; the others go on.
    """
    harness = Checkout(find(checkout))
    found = {one["name"]: one for one in harness.describe(names)}
    for name in dict.fromkeys(names):
        typer.echo(f"{name}: {found[name]['product']}", err=True)
        harness.run("up", name, lambda seconds, name=name: _news(name, seconds))  # type: ignore[misc]
        (told,) = harness.describe([name])
        typer.echo(_yaml(told), nl=False)


@app.command("down", epilog=DOWN_EXAMPLES)
def down(names: AnyNames = None, keep_data: KeepData = False, checkout: From = None) -> None:
    """Ends servers and removes their data."""
    harness = Checkout(find(checkout))
    for one in harness.describe(names or []):
        if "address" in one:
            harness.run("stop" if keep_data else "down", one["name"])
            if keep_data:
                typer.echo(f"{one['name']} is stopped, its data stay", err=True)


@app.command("status", epilog=STATUS_EXAMPLES)
def status(names: AnyNames = None, output: Output = TextFormat.TEXT, checkout: From = None) -> None:
    """Shows which servers run, and where."""
    found = Checkout(find(checkout)).describe(names or [])
    for one in found:
        one.pop("objects", None)  # they hold the password: `up` prints them
    if output is TextFormat.JSON:
        typer.echo(json.dumps({"items": found}, indent=2))
        return
    rows = [
        [
            one["name"],
            "running" if one["running"] else "stopped" if "address" in one else "-",
            one.get("address", "-"),
            one.get("user") or "-",
            one["product"],
        ]
        for one in found
    ]
    typer.echo(table.render(["NAME", "STATE", "ADDRESS", "USER", "SERVER"], rows))


@app.command("logs", epilog=LOGS_EXAMPLES)
def logs(name: Name, tail: Tail = 200, follow: Follow = False, checkout: From = None) -> None:
    """Prints what a server said."""
    (told,) = Checkout(find(checkout)).describe([name])
    path = Path(told["log"])
    if not path.exists():
        raise UserError(f"{name} was not started", hint=f"`forebay dev up {name}` does that.")
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in deque(file, tail):
            typer.echo(table.cell(line.rstrip("\n")))
        while follow:
            line = file.readline()
            if line:
                typer.echo(table.cell(line.rstrip("\n")))
            else:
                time.sleep(POLL)


def _news(name: str, seconds: float) -> None:
    typer.echo(f"{name}: still at it after {seconds:.0f} s", err=True)


def _yaml(told: dict[str, Any]) -> str:
    """Documents that can be written behind one another."""
    return "".join(
        "---\n" + yaml.safe_dump(one, sort_keys=False, default_flow_style=None)
        for one in told.get("objects", ())
    )
