"""`forebay get`: objects as a table, or as they are."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
import yaml

from forebay.cli import columns, complete, kinds, session, table
from forebay.cli.failure import UserError
from forebay.cli.options import DEFAULT_STATE, KindWord, Namespace, State, TableFormat, TableOutput
from forebay.kube.port import Kind, Kube, Obj

EXAMPLES = """\b
Examples:
  forebay get forebay                # everything of Forebay's own
  forebay get nsr -o wide            # runs, with all columns
  forebay get md movies -o yaml      # one served model as it is"""

Name = Annotated[
    str | None,
    typer.Argument(help="One object; all by default.", autocompletion=complete.names),
]


def get(
    kind: KindWord,
    name: Name = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
    output: TableOutput = TableFormat.TABLE,
) -> None:
    """Shows objects of a kind as kubectl does."""
    kind, name = kinds.split(kind, name)
    wanted = kinds.resolve(kind)
    found = session.using(state, lambda kube: _objects(kube, wanted, name, namespace))
    if output in (TableFormat.JSON, TableFormat.YAML):
        typer.echo(document(found, single=name is not None, output=output))
    elif any(found.values()):
        typer.echo(tables(found, datetime.now(UTC), wide=output is TableFormat.WIDE))
    else:
        typer.echo(f"No resources found in {_where(state, namespace)}.", err=True)


async def _objects(
    kube: Kube, wanted: list[Kind], name: str | None, namespace: str | None
) -> dict[Kind, list[Obj]]:
    if name is not None and len(wanted) == 1:
        return {wanted[0]: [await session.find(kube, wanted[0], name, namespace)]}
    found = {kind: await kube.list(kind, namespace) for kind in wanted}
    if name is not None:
        found = {
            kind: [o for o in objs if o["metadata"]["name"] == name] for kind, objs in found.items()
        }
        if not any(found.values()):
            raise UserError(f'nothing is called "{name}"')
    return found


def tables(found: dict[Kind, list[Obj]], now: datetime, *, wide: bool = False) -> str:
    """One table per kind that has objects; with several kinds each name says its kind, as kubectl does."""
    namespaces = {obj["metadata"]["namespace"] for objects in found.values() for obj in objects}
    parts = []
    for kind, objects in found.items():
        if not objects:
            continue
        prefix = f"{kinds.full_name(kind)}/" if len(found) > 1 else ""
        parts.append(_table(kind, objects, now, prefix, wide=wide, spaced=len(namespaces) > 1))
    return "\n\n".join(parts)


def _table(
    kind: Kind, objects: list[Obj], now: datetime, prefix: str, *, wide: bool, spaced: bool
) -> str:
    shown = columns.of(kind, wide=wide)
    header = [*(["NAMESPACE"] if spaced else []), "NAME", *(column.name for column in shown)]
    rows = []
    for obj in objects:
        meta = obj["metadata"]
        names = [*([meta["namespace"]] if spaced else []), prefix + meta["name"]]
        rows.append([*names, *(column.text(obj, now) for column in shown)])
    return table.render(header, rows)


def document(found: dict[Kind, list[Obj]], *, single: bool, output: TableFormat) -> str:
    """The objects as one JSON or YAML document: the object itself, or a List."""
    objects = [clean(obj) for group in found.values() for obj in group]
    listed = {"apiVersion": "v1", "kind": "List", "items": objects}
    value = objects[0] if single and len(objects) == 1 else listed
    if output is TableFormat.JSON:
        return json.dumps(value, indent=2, ensure_ascii=False)
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip("\n")


def clean(obj: Obj) -> Obj:
    """The object without managedFields, which kubectl hides too."""
    metadata = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return {**obj, "metadata": metadata}


def _where(state: Path, namespace: str | None) -> str:
    return f"namespace {namespace} of {state}" if namespace else str(state)
