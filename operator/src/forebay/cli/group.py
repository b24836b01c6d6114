"""The command group: the one place that turns an error into a line on stderr and an exit code.

Used by `main.py` only. Commands raise; they neither print errors nor choose exit codes.
"""

from __future__ import annotations

import asyncio
import errno
import traceback
from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperGroup

from forebay.cli.failure import EXIT_FAILED, EXIT_INTERRUPTED, EXIT_INVALID, InvalidFiles, UserError
from forebay.errors import ForebayError, SpecError


class ForebayGroup(TyperGroup):
    """Runs a command; what it raises becomes one clear message, with `--debug` also the traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Runs the command named on the line. Raises typer.Exit with the exit code of a failure."""
        return _guarded(
            lambda: super(ForebayGroup, self).invoke(ctx), debug=bool(ctx.params.get("debug"))
        )


def _guarded(work: Callable[[], Any], *, debug: bool) -> Any:
    try:
        return work()
    except (KeyboardInterrupt, asyncio.CancelledError) as error:
        raise typer.Exit(EXIT_INTERRUPTED) from error
    except (ForebayError, OSError) as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            raise  # `forebay get … | head`: typer ends quietly
        _show(error, debug=debug)
        raise typer.Exit(exit_code(error)) from error


def exit_code(error: BaseException) -> int:
    """The exit code that an error ends the command with."""
    if isinstance(error, UserError):
        return error.exit_code
    return EXIT_INVALID if isinstance(error, SpecError) else EXIT_FAILED


def _show(error: BaseException, *, debug: bool) -> None:
    if debug:
        typer.echo("".join(traceback.format_exception(error)), err=True, nl=False)
    if isinstance(error, InvalidFiles):
        for problem in error.problems:
            typer.echo(problem, err=True)
        count = len(error.problems)
        typer.echo(f"Error: {count} problem{'s'[: count != 1]}, nothing was created", err=True)
        return
    typer.echo(f"Error: {message(error)}", err=True)
    if isinstance(error, UserError) and error.hint:
        typer.echo(error.hint, err=True)


def message(error: BaseException) -> str:
    """What the user reads: an OSError without its number, anything else as it says itself."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error) or type(error).__name__
