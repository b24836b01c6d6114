"""How a command gets at the objects of a state folder without running anything there.

Called by every command that reads or deletes objects; `run` opens a whole plane instead. Opening never
creates a state folder: a command that only looks must leave nothing behind.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from forebay.cli.failure import UserError
from forebay.kube.port import OWN_KINDS, Kind, Kube, Obj, Ref

T = TypeVar("T")
DATABASE = "forebay.db"


def exists(state: Path) -> bool:
    """Whether anything was ever run in this state folder."""
    return (state / DATABASE).is_file()


@asynccontextmanager
async def opened(state: Path) -> AsyncIterator[Kube]:
    """The objects of a state folder. Raises UserError when there is none."""
    if not exists(state):
        raise UserError(
            f"there is no state in {state}",
            hint="Run `forebay run -f FILE` first, or name its folder with --state.",
        )
    from forebay.kube.embedded import EmbeddedKube  # noqa: PLC0415 - slow to import; help and completion go without

    kube = EmbeddedKube(state / DATABASE)
    try:
        yield kube
    finally:
        await kube.close()


def using(state: Path, work: Callable[[Kube], Awaitable[T]]) -> T:
    """Runs `work` on the objects of a state folder and gives back what it returns."""

    async def session() -> T:
        async with opened(state) as kube:
            return await work(kube)

    return asyncio.run(session())


async def find(kube: Kube, kind: Kind, name: str, namespace: str | None) -> Obj:
    """The object of that name, in any namespace when none is given. Raises UserError."""
    found = [obj for obj in await kube.list(kind, namespace) if obj["metadata"]["name"] == name]
    if not found:
        raise UserError(f'{kind.plural} "{name}" not found')
    if len(found) > 1:
        where = ", ".join(obj["metadata"]["namespace"] for obj in found)
        raise UserError(
            f'{kind.plural} "{name}" is in several namespaces ({where}): name one with -n'
        )
    return found[0]


def stored(state: Path) -> dict[Ref, Obj]:
    """Forebay's own objects of a state folder; none when there is no state yet."""
    if not exists(state):
        return {}

    async def everything(kube: Kube) -> dict[Ref, Obj]:
        return {Ref.of(obj): obj for kind in OWN_KINDS for obj in await kube.list(kind)}

    return using(state, everything)
