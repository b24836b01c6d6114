"""`forebay delete`: objects by kind and name, or those of a file. What they own goes with them."""

from typing import Annotated

import typer

from forebay.cli import complete, kinds, session
from forebay.cli.failure import InvalidFiles, UsageError, UserError
from forebay.cli.loader import APPLY_ORDER, identify
from forebay.cli.options import DEFAULT_STATE, Namespace, State
from forebay.kube.port import Kube, Ref

EXAMPLES = """\b
Examples:
  forebay delete nsr movies-1f2e3d4c
  forebay delete -f examples/recommendation
  forebay delete md movies --ignore-not-found"""

KindArgument = Annotated[
    str | None,
    typer.Argument(help="The object's kind.", autocompletion=complete.kinds),
]
Name = Annotated[
    str | None,
    typer.Argument(help="The object's name.", autocompletion=complete.names),
]
FileList = Annotated[
    list[str] | None,
    typer.Option(
        "--filename", "-f", metavar="FILE|DIR|-", help="Delete the objects of these files."
    ),
]
IgnoreMissing = Annotated[
    bool, typer.Option("--ignore-not-found", help="Absent objects are no error.")
]


def delete(
    kind: KindArgument = None,
    name: Name = None,
    filename: FileList = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
    ignore_not_found: IgnoreMissing = False,
) -> None:
    """Deletes objects and what they own; data in stores stays unless the object says otherwise."""
    if filename and kind:
        raise UsageError("give either -f FILE or KIND NAME, not both")

    async def work(kube: Kube) -> list[Ref]:
        targets = _of_files(filename) if filename else [await _named(kube, kind, name, namespace)]
        return [ref for ref in targets if not await _delete(kube, ref)]

    missing = session.using(state, work)
    if missing and not ignore_not_found:
        raise UserError("; ".join(f'{ref.kind.plural} "{ref.name}" not found' for ref in missing))


async def _named(kube: Kube, kind: str | None, name: str | None, namespace: str | None) -> Ref:
    word, chosen = kinds.split(kind or "", name)
    if not word or chosen is None:
        raise UsageError("delete needs KIND and NAME, or -f FILE")
    wanted = kinds.resolve_one(word)
    same = [o for o in await kube.list(wanted, namespace) if o["metadata"]["name"] == chosen]
    return (
        Ref.of(await session.find(kube, wanted, chosen, namespace))
        if same
        else Ref(wanted, namespace or "default", chosen)
    )


def _of_files(paths: list[str]) -> list[Ref]:
    """The objects of the files, what refers to others first."""
    loaded, problems = identify(paths)
    if problems:
        raise InvalidFiles(problems)
    return sorted((item.ref for item in loaded), key=lambda ref: -APPLY_ORDER.index(ref.kind))


async def _delete(kube: Kube, ref: Ref) -> bool:
    """Deletes one object and says so; False when it is not there."""
    if await kube.get(ref) is None:
        return False
    await kube.delete(ref)
    typer.echo(f'{kinds.full_name(ref.kind)} "{ref.name}" deleted')
    return True
