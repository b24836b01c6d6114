"""`forebay dlq`: the dead letters of a pipeline's ingest.

The control plane opens no stream and no store: the data plane's own program does, in a process that is given
what the pod of the ingest is given, below a folder of its own that is gone afterwards; or in that pod itself.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from forebay.cli import age, complete, letterbox, table
from forebay.cli.failure import UsageError, UserError
from forebay.cli.letterbox import Source
from forebay.cli.options import DEFAULT_STATE, Namespace, Output, State, TextFormat

app = typer.Typer(name="dlq", no_args_is_help=True, help="Records that an ingest refused, and why.")
LS_EXAMPLES = """\b
Examples:
  forebay dlq ls fraud
  forebay dlq ls fraud --since 1h -o json
  forebay dlq ls fraud -f stores.yaml -f pipeline.yaml    # not run from here: the files say where its letters are
  forebay dlq ls fraud --context prod -n shop             # in a cluster, in the pod that ingests"""
SHOW_EXAMPLES = """\b
Example:
  forebay dlq show fraud tx/0/17"""
REPLAY_EXAMPLES = """\b
Examples:
  forebay dlq replay fraud --since 1h --dry-run
  forebay dlq replay fraud tx/0/17 tx/2/4
  forebay dlq replay fraud
  forebay dlq replay fraud --context prod -n shop --since 1h"""

Pipeline = Annotated[
    str,
    typer.Argument(help="A pipeline with ingest.from.topic.", autocompletion=complete.pipelines),
]
Id = Annotated[str, typer.Argument(help="Id of a letter, as `forebay dlq ls` prints it.")]
Ids = Annotated[
    list[str] | None, typer.Argument(help="Ids of letters; all that are open when none is given.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DURATION", help="Only of the last 90s, 10m, 1h30m."),
]
All = Annotated[bool, typer.Option("--all", help="Also letters that were replayed.")]
Files = Annotated[
    list[str] | None,
    typer.Option(
        "--filename",
        "-f",
        metavar="FILE|DIR|-",
        help="Files with the pipeline, its DataStores and their Secrets, instead of the state folder.",
    ),
]
Context = Annotated[
    str | None,
    typer.Option(
        "--context",
        help="A context of kubectl, . for its current one: the pipeline of that cluster.",
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would be replayed and replay nothing.")
]


@app.command("ls", epilog=LS_EXAMPLES)
def ls(
    pipeline: Pipeline,
    since: Since = None,
    everything: All = False,
    output: Output = TextFormat.TEXT,
    filename: Files = None,
    context: Context = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
) -> None:
    """Lists dead letters."""
    source = Source(state, namespace, filename or (), context)
    arguments = ["ls", *_since(since), *(["--all"] if everything else [])]
    found: list[dict[str, Any]] = []
    letterbox.run(source, pipeline, arguments, found.append)
    if output is TextFormat.JSON:
        typer.echo(json.dumps({"items": found}, indent=2, ensure_ascii=False))
    elif found:
        typer.echo(_table(found))
    else:
        typer.echo("No dead letters.", err=True)


@app.command("show", epilog=SHOW_EXAMPLES)
def show(
    pipeline: Pipeline,
    letter: Id,
    output: Output = TextFormat.TEXT,
    filename: Files = None,
    context: Context = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
) -> None:
    """Shows one dead letter whole: its cause, its headers, the record."""
    source = Source(state, namespace, filename or (), context)
    found: list[dict[str, Any]] = []
    letterbox.run(source, pipeline, ["show", letter], found.append)
    if not found:
        raise UserError(
            f"no dead letter {letter!r}", hint=f"`forebay dlq ls {pipeline} --all` lists them."
        )
    if output is TextFormat.JSON:
        typer.echo(json.dumps(found[0], indent=2, ensure_ascii=False))
        return
    for name, value in found[0].items():
        if name not in ("record", "headers"):
            typer.echo(f"{name + ':':<12}{table.cell(_shown(name, value))}")
    for name, value in found[0]["headers"].items():
        typer.echo(f"{'header:':<12}{table.cell(name)}={table.cell(value)}")
    typer.echo(f"record:\n{_lines(found[0]['record'])}")


@app.command("replay", epilog=REPLAY_EXAMPLES)
def replay(
    pipeline: Pipeline,
    letters: Ids = None,
    *,
    since: Since = None,
    dry_run: DryRun = False,
    output: Output = TextFormat.TEXT,
    filename: Files = None,
    context: Context = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
) -> None:
    """Puts records back into the topic they came from, with one attempt more; each letter once.

    After Ctrl-C the next replay goes on with what is left.
    """
    source = Source(state, namespace, filename or (), context)
    arguments = ["replay", *(letters or []), *_since(since), *(["--dry-run"] if dry_run else [])]
    done: list[dict[str, Any]] = []

    def take(line: dict[str, Any]) -> None:
        done.append(line)
        if output is TextFormat.TEXT:
            typer.echo(f"{line['id']}  attempt {line['attempt'] + 1}")

    try:
        letterbox.run(source, pipeline, arguments, take)
    finally:
        word = "would be replayed" if dry_run else "replayed"
        if output is TextFormat.JSON:
            typer.echo(json.dumps({"replayed": done, "dryRun": dry_run}, ensure_ascii=False))
        else:
            typer.echo(f"{len(done):,} {word}", err=True)


def _since(text: str | None) -> list[str]:
    if text is None:
        return []
    try:
        seconds = age.parse_duration(text)
    except ValueError as error:
        raise UsageError(f"--since: {error}") from error
    return ["--since", str(int((time.time() - seconds) * 1000))]


def _table(found: list[dict[str, Any]]) -> str:
    header = ["ID", "REASON", "ATTEMPT", "AGE", "REPLAYED", "BYTES", "MESSAGE"]
    return table.render(header, list(_rows(found)))


def _rows(found: list[dict[str, Any]]) -> Iterator[list[Any]]:
    now = datetime.now(UTC)
    for one in found:
        failed = datetime.fromtimestamp(one["failedAt"] / 1000, UTC).isoformat()
        yield [
            one["id"],
            one["reason"],
            one["attempt"],
            age.age(failed, now),
            "yes" if one["replayedAt"] else "no",
            one["bytes"],
            one["message"],
        ]


def _shown(name: str, value: Any) -> Any:
    if value is not None and (name.endswith("At") or name == "timestamp"):
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="milliseconds")
    return value


def _lines(record: str | None) -> str:
    """The record with its line breaks; what a terminal would obey is shown instead."""
    if record is None:
        return "(no value: a tombstone)"
    return "\n".join(table.cell(line) if line else "" for line in record.split("\n"))
