"""The last lines of `forebay run`: what went in, what came out, where it is. Pure text.

Called by `run.py` with what it read of runs and model versions; numbers come from the objects only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from forebay.cli import wording
from forebay.cli.outcome import Outcome
from forebay.cli.targets import Served
from forebay.cli.views import SUCCEEDED, RunView
from forebay.kube.port import Obj


def lines(
    outcome: Outcome, versions: Mapping[str, Obj], reports: Mapping[str, str]
) -> Iterator[str]:
    """The summary; `versions` by name, `reports` are the files by run."""
    yield from (*outcome.unchanged, *outcome.stuck)
    for view in outcome.runs:
        if view.succeeded:
            yield f"run {view.name} succeeded"
            yield from _succeeded(view, outcome.objects.get(view.name) or {}, versions)
        if view.name in reports:
            yield _line("report", reports[view.name])
    for one in outcome.served:
        yield _line("serving", _served(one))


def _succeeded(view: RunView, run: Obj, versions: Mapping[str, Obj]) -> Iterator[str]:
    spec = run.get("spec", {}).get("template") or {}
    for stage in view.stages:
        if stage.state == SUCCEEDED and stage.name in ("ingest", "preprocess"):
            yield _line(stage.name, wording.rows_text(stage.rows) + _how(stage.name, spec))
    if view.metrics:
        yield _line(
            "evaluate", "  ".join(f"{k} {wording.number(v)}" for k, v in view.metrics.items())
        )
    for gate in (spec.get("evaluate") or {}).get("gates") or ():
        yield _line("", _gate(gate, view.metrics))
    if view.model_version:
        yield _line("publish", _published(view.model_version, versions.get(view.model_version)))
    for stage in view.stages:
        if stage.state == SUCCEEDED and stage.name == "predict":
            yield _line("predict", wording.rows_text(stage.rows) + _how(stage.name, spec))


def _how(stage: str, spec: Mapping[str, Any]) -> str:
    """Where rows went to, or how they were split."""
    if stage == "preprocess":
        split = (spec.get("preprocess") or {}).get("split") or {}
        seed = f", seed {split['seed']}" if split.get("by") == "random" and "seed" in split else ""
        return f" ({split['by']}{seed})" if split.get("by") else ""
    to = (spec.get(stage) or {}).get("to") or {}
    table = to.get("table") or to.get("topic")
    return f" into {table} of {to['storeRef']['name']}" if table and "storeRef" in to else ""


def _gate(gate: Mapping[str, Any], metrics: Mapping[str, str]) -> str:
    """A gate that a succeeded run has passed."""
    name = gate.get("metric", "")
    shown = wording.number(metrics[name]) if name in metrics else "?"
    if "value" in gate:
        return f"{name} {shown} {gate.get('operator', '')} {gate['value']}  passed"
    return f"{name} {shown} against {gate.get('compareTo', '')}  passed"


def _published(name: str, version: Obj | None) -> str:
    spec = (version or {}).get("spec") or {}
    digest = str(spec.get("digest") or "")
    store = (spec.get("artifact") or {}).get("storeRef") or {}
    where = f'  into store "{store["name"]}"' if isinstance(store, dict) and "name" in store else ""
    return f"{name}  {digest[:19]}{where}".rstrip()


def _served(one: Served) -> str:
    version = f"  ({one.version})" if one.version else ""
    if one.state == "ready":
        return f"{one.name}  {one.url or ''}{version}"
    if one.state == "waiting":
        return f"{one.name}  waits for a version of its model"
    return f"{one.name}  not ready  {': '.join(part for part in (one.reason, one.message) if part)}".rstrip()


def _line(label: str, text: str) -> str:
    return f"  {label:<11} {text}".rstrip()
