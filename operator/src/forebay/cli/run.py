"""`forebay run`: applies files to the embedded plane and follows what they start.

Parses options, chooses how progress is shown, turns the outcome into text, JSON and an exit code. What is
applied, followed and decided lives in `applying.py`, `follow.py` and `targets.py`.
"""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from forebay.cli import age, applying, failed, report, runs, session, summary
from forebay.cli.applying import Applied
from forebay.cli.failure import (
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_TERMINATED,
    UsageError,
    UserError,
)
from forebay.cli.follow import Follower, Screen
from forebay.cli.lines import Lines
from forebay.cli.loader import Loaded, load
from forebay.cli.options import DEFAULT_STATE, Files, Output, State, TextFormat
from forebay.cli.outcome import Outcome
from forebay.kube.port import DEPLOYMENT, MODEL_VERSION, PIPELINE, RUN, Kube

EXAMPLES = """\b
Examples:
  forebay run -f pipeline.yaml
  forebay run -f examples/recommendation --again
  forebay run -f stores.yaml -f pipeline.yaml -o json > outcome.json
  forebay run -f pipeline.yaml --no-follow && forebay logs movies -f"""

Follow = Annotated[
    bool,
    typer.Option(
        "--follow/--no-follow", help="Wait until all is done, or leave it to the background."
    ),
]
Again = Annotated[
    bool, typer.Option("--again", help="One more run of each pipeline, even if nothing changed.")
]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DURATION", help="Stop after this long (90s, 10m, 1h30m)."),
]


def run(
    filename: Files,
    state: State = DEFAULT_STATE,
    follow: Follow = True,
    again: Again = False,
    output: Output = TextFormat.TEXT,
    timeout: Timeout = None,
) -> None:
    """Runs pipelines on this machine and serves their models."""
    limit = _seconds(timeout)
    loaded = load(filename, session.stored(state), skip=state)
    as_json = output is TextFormat.JSON
    try:
        outcome = asyncio.run(
            _run(loaded, state, follow=follow, again=again, limit=limit, quiet=as_json)
        )
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        typer.echo(
            "Interrupted: all processes are stopped. The next `forebay run` goes on from here.",
            err=True,
        )
        asked = isinstance(error, asyncio.CancelledError)
        raise typer.Exit(EXIT_TERMINATED if asked else EXIT_INTERRUPTED) from error
    if as_json:
        typer.echo(json.dumps(outcome.document(), indent=2, ensure_ascii=False))
    if not outcome.succeeded:
        raise typer.Exit(EXIT_FAILED)


def _seconds(timeout: str | None) -> float | None:
    try:
        return age.parse_duration(timeout) if timeout else None
    except ValueError as error:
        raise UsageError(f"--timeout: {error}") from error


async def _run(
    loaded: Sequence[Loaded],
    state: Path,
    *,
    follow: bool,
    again: bool,
    limit: float | None,
    quiet: bool,
) -> Outcome:
    from forebay.local.plane import Plane  # noqa: PLC0415 - heavy; only this command pays for it

    say = _Speaker(quiet=quiet)
    _end_on_sigterm()
    async with Plane(state) as plane:
        earlier = {
            r["metadata"]["uid"]
            for r in await plane.kube.list(RUN)
            if runs.phase(r) in runs.FINISHED
        }
        applied = await applying.apply(plane.kube, loaded, key=_key(), again=again)
        for one in applied:
            if one.change != "unchanged":
                say(str(one))
        with say.screen() as screen:
            follower = Follower(plane.kube, applied, earlier, plane.progress, screen)
            work = follower.until_done() if follow else follower.until_seen()
            outcome = await _within(limit, plane.watching(work))
        for line in await _closing(plane.kube, outcome, applied, state, follow=follow):
            say(line)
        if await plane.needed():
            await plane.hand_over()
    return outcome


def _end_on_sigterm() -> None:
    """SIGTERM and a closed terminal end a run as Ctrl-C does: children are stopped, the state can be gone on from."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)


def _key() -> str:
    """Names one more run: never the same twice."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


async def _within(limit: float | None, work: Awaitable[Outcome]) -> Outcome:
    try:
        async with asyncio.timeout(limit):
            return await work
    except TimeoutError as error:
        hint = "All processes are stopped. The next `forebay run` goes on from here."
        raise UserError(f"not done within {age.human_duration(limit or 0)}", hint=hint) from error


async def _closing(
    kube: Kube, outcome: Outcome, applied: Sequence[Applied], state: Path, *, follow: bool
) -> list[str]:
    """The last lines: the summary, why runs failed, or that there was nothing to wait for."""
    if not any(one.ref.kind in (PIPELINE, RUN, DEPLOYMENT) for one in applied):
        return [f"{len(applied)} objects applied; there is nothing to run in these files"]
    if not follow:
        return [
            f"{len(applied)} objects applied; they go on in the background (`forebay down` stops them)"
        ]
    versions = {v["metadata"]["name"]: v for v in await kube.list(MODEL_VERSION)}
    said = list(summary.lines(outcome, versions, _reports(outcome, state)))
    for view in outcome.runs:
        if view.phase == "Failed":
            said.extend(await failed.explain(kube, view))
    return said


def _reports(outcome: Outcome, state: Path) -> dict[str, str]:
    return {
        view.name: str(report.local_path(view.report, state))
        for view in outcome.runs
        if view.report
    }


class _Speaker:
    """Where text goes: to stdout, or to stderr when stdout is for the JSON document."""

    def __init__(self, *, quiet: bool) -> None:
        self._err = quiet

    def __call__(self, text: str) -> None:
        typer.echo(text, err=self._err)

    def screen(self) -> AbstractContextManager[Screen]:
        """Bars on a terminal, plain lines elsewhere."""
        stream = sys.stderr if self._err else sys.stdout
        if not stream.isatty() or os.environ.get("TERM") == "dumb":
            return Lines(self, time.monotonic)
        from forebay.cli.bars import on_terminal  # noqa: PLC0415 - rich is slow to import; only bars need it

        return on_terminal(stream)
