"""Words for the shell's completion: kinds, and names of what is in the state folder.

Called by typer while the user presses Tab, so it must be quick, print nothing and never fail: a state that
cannot be read simply offers no names.
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import typer

from forebay.cli import kinds as kind_words
from forebay.cli.failure import UsageError
from forebay.errors import ForebayError
from forebay.kube.port import PIPELINE, RUN, Kind
from forebay_workloads.contract import STAGES


def kinds(incomplete: str) -> list[str]:
    """Every word that names a kind."""
    return _starting(kind_words.words(), incomplete)


def names(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the objects of the kind that stands before."""
    try:
        found = kind_words.resolve(str(ctx.params.get("kind") or ""))
    except UsageError:
        return []
    return _starting(_names(_state(ctx), found), incomplete)


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of runs, then of pipelines."""
    return _starting(_names(_state(ctx), [RUN, PIPELINE]), incomplete)


def pipelines(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of pipelines."""
    return _starting(_names(_state(ctx), [PIPELINE]), incomplete)


def stages(incomplete: str) -> list[str]:
    """Names of the stages that are Jobs."""
    return _starting((*STAGES, "report"), incomplete)


def _starting(words: Iterable[str], incomplete: str) -> list[str]:
    return [word for word in words if word.startswith(incomplete)]


def _state(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("state") or ".forebay")


def _names(state: Path, wanted: list[Kind]) -> list[str]:
    from forebay.cli import session  # noqa: PLC0415 - completion of kinds needs no database

    async def listed() -> list[str]:
        async with session.opened(state) as kube:
            return [obj["metadata"]["name"] for kind in wanted for obj in await kube.list(kind)]

    try:
        return asyncio.run(listed())
    except (ForebayError, OSError):
        return []
