"""`forebay describe`: one object for a reader: conditions, stages, metrics, spec, events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
import yaml

from forebay.cli import age, complete, eventlist, kinds, runs, session, table, views, wording
from forebay.cli.failure import UsageError
from forebay.cli.get import clean
from forebay.cli.options import DEFAULT_STATE, KindWord, Namespace, State
from forebay.kube.port import RUN, Kind, Kube, Obj

EXAMPLES = """\b
Examples:
  forebay describe nsr movies-1f2e3d4c
  forebay describe md/movies"""

Name = Annotated[
    str | None,
    typer.Argument(help="The object's name.", autocompletion=complete.names),
]


def describe(
    kind: KindWord, name: Name = None, state: State = DEFAULT_STATE, namespace: Namespace = None
) -> None:
    """Shows all about one object: conditions, stages and events."""
    kind, name = kinds.split(kind, name)
    if name is None:
        raise UsageError("describe needs a name: forebay describe KIND NAME")
    wanted, chosen = kinds.resolve_one(kind), name

    async def read(kube: Kube) -> tuple[Obj, list[Obj]]:
        obj = await _find(kube, wanted, chosen, namespace)
        return obj, await eventlist.listed(
            kube, obj["metadata"]["namespace"], obj["metadata"]["uid"]
        )

    obj, events = session.using(state, read)
    typer.echo(text(obj, events, datetime.now(UTC)))


async def _find(kube: Kube, kind: Kind, name: str, namespace: str | None) -> Obj:
    """The object; for runs a pipeline's name means its newest run, as in `logs` and `report`."""
    if kind == RUN:
        return await runs.find_run(kube, name, namespace)
    return await session.find(kube, kind, name, namespace)


def text(obj: Obj, events: list[Obj], now: datetime) -> str:
    """The whole description."""
    return "\n".join(_sections(clean(obj), events, now))


def _sections(obj: Obj, events: list[Obj], now: datetime) -> Iterator[str]:
    meta, status = obj["metadata"], dict(obj.get("status") or {})
    yield f"Name:         {meta['name']}"
    yield f"Namespace:    {meta['namespace']}"
    yield f"Kind:         {obj['kind']} ({obj['apiVersion']})"
    yield f"Age:          {age.age(meta.get('creationTimestamp'), now)}"
    for title in ("labels", "annotations"):
        yield from _pairs(title.capitalize(), meta.get(title))
    conditions, stages = status.pop("conditions", []), status.pop("stages", [])
    yield from _section("Conditions", _conditions(conditions, now))
    if stages:
        yield from _section("Stages", _stages(stages, now))
    yield from _section("Status", _yaml(status))
    yield from _section("Spec", _yaml(obj.get("spec")))
    yield from _section(
        "Events", eventlist.render(events, now, with_object=False) if events else ""
    )


def _section(title: str, body: str) -> Iterator[str]:
    if not body:
        yield f"{title + ':':<13} <none>"
        return
    yield f"{title}:"
    yield from (f"  {line}".rstrip() for line in body.splitlines())


def _pairs(title: str, values: dict[str, str] | None) -> Iterator[str]:
    for index, (key, value) in enumerate(sorted((values or {}).items())):
        yield f"{title + ':' if index == 0 else '':<13} {key}={table.cell(value)}"


def _conditions(conditions: list[dict[str, Any]], now: datetime) -> str:
    rows = [
        [
            c.get("type"),
            c.get("status"),
            c.get("reason"),
            age.age(c.get("lastTransitionTime"), now),
            c.get("message"),
        ]
        for c in conditions
    ]
    return table.render(["TYPE", "STATUS", "REASON", "SINCE", "MESSAGE"], rows) if rows else ""


def _stages(stages: list[dict[str, Any]], now: datetime) -> str:
    rows = [
        [
            s.get("name"),
            s.get("state"),
            took(s, now),
            wording.rows_text(views.row_counts(s)),
            s.get("reason"),
            s.get("message"),
        ]
        for s in stages
    ]
    return (
        table.render(["STAGE", "STATE", "TOOK", "ROWS", "REASON", "MESSAGE"], rows) if rows else ""
    )


def took(stage: dict[str, Any], now: datetime) -> str:
    """How long a stage ran, or has been running; "" when it did not start."""
    start, end = stage.get("startTime"), stage.get("completionTime")
    if not start:
        return ""
    until = age.parse_time(end) if end else now
    return age.human_duration((until - age.parse_time(start)).total_seconds())


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True).rstrip() if value else ""
