"""Files to checked objects, ready to be applied: the one way in for everything that takes -f.

Called by `run`, `validate` and `delete`. Reads, checks and lists every error with its file and line; it
creates nothing, so a caller that gets an error has an untouched state.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from forebay.cli import references
from forebay.cli.failure import InvalidFiles
from forebay.cli.sources import Document, read
from forebay.kube.port import (
    DATASTORE,
    DEPLOYMENT,
    KINDS,
    MODEL_VERSION,
    OWN_KINDS,
    PIPELINE,
    RUN,
    SECRET,
    Obj,
    Ref,
)
from forebay.plan.schedule import ScheduleError, check

BASE_DIR = "forebay.dev/base-dir"  # annotation: where relative `files` URLs of a DataStore start
APPLY_ORDER = (SECRET, DATASTORE, MODEL_VERSION, DEPLOYMENT, PIPELINE, RUN)
"""What others refer to comes first, so that nothing is seen with its reference missing."""


@dataclass(frozen=True)
class Loaded:
    """An object of a file, checked and ready to be applied."""

    obj: Obj
    document: Document

    @property
    def ref(self) -> Ref:
        """Which object it is."""
        return Ref.of(self.obj)


def load(
    paths: Sequence[str], existing: Mapping[Ref, Obj] | None = None, skip: Path | None = None
) -> list[Loaded]:
    """The objects of the files in the order in which to apply them.

    `existing` are the objects of the state: references may point at them, and immutable fields are held
    against them. Raises InvalidFiles with every problem of every file.
    """
    known = existing or {}
    loaded, problems = identify(paths, skip)
    for item in loaded:
        problems.extend(_schema_problems(item, known))
    problems.extend(_dangling(loaded, known))
    if problems:
        raise InvalidFiles(problems)
    for item in loaded:
        _prepare(item)
    return sorted(loaded, key=lambda item: APPLY_ORDER.index(item.ref.kind))


def identify(paths: Sequence[str], skip: Path | None = None) -> tuple[list[Loaded], list[str]]:
    """The objects of the files by kind and name, unchecked, and the problems of those that are none."""
    documents, problems = read(paths, skip)
    loaded: list[Loaded] = []
    places: dict[Ref, str] = {}
    for document in documents:
        wrong = _identity_problem(document)
        if wrong:
            problems.append(wrong)
            continue
        item = Loaded(copy.deepcopy(document.value), document)
        if item.ref in places:
            what = f"{item.ref.kind.kind} {item.ref.name!r}"
            problems.append(
                f"{document.place_of('metadata.name')} {what} is there twice, first at {places[item.ref]}"
            )
            continue
        places[item.ref] = document.place_of("metadata.name")
        loaded.append(item)
    if not loaded and not problems:
        problems.append(f"{', '.join(paths)}: no objects in there")
    return loaded, problems


def _identity_problem(document: Document) -> str | None:
    """Why the document is no object of a known kind with a name; None when it is one."""
    value = document.value
    if not isinstance(value, dict):
        return f"{document.place} not an object but a {type(value).__name__}"
    for key in ("apiVersion", "kind"):
        if not isinstance(value.get(key), str):
            return f"{document.place} {key}: required, a string such as {_EXAMPLE[key]}"
    kind = KINDS.get((value["apiVersion"], value["kind"]))
    if kind not in APPLY_ORDER:
        known = ", ".join(f"{k.kind} ({k.api_version})" for k in APPLY_ORDER)
        what = f"{value['kind']!r} of {value['apiVersion']!r}"
        return f"{document.place_of('kind')} kind: {what} is none of {known}"
    metadata = value.get("metadata")
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("name"), str)
        or not metadata["name"]
    ):
        return (
            f"{document.place_of('metadata.name')} metadata.name: required, a string such as movies"
        )
    if not isinstance(metadata.get("namespace", ""), str):
        return f"{document.place_of('metadata.namespace')} metadata.namespace: must be a string"
    return None


_EXAMPLE = {"apiVersion": "forebay.dev/v1alpha1", "kind": "NoSQLPipeline"}


def _schema_problems(item: Loaded, existing: Mapping[Ref, Obj]) -> list[str]:
    """Every error that the CRD's schema and rules find."""
    from forebay.api.schema import validate  # noqa: PLC0415 - slow to import; help and completion go without

    if item.ref.kind not in OWN_KINDS:
        return []
    found = [
        f"{item.document.place_of(cause.field)} {cause.field}: {cause.message}"
        for cause in validate(item.obj, existing.get(item.ref))
    ]
    return found or _schedule_problems(item)


def _schedule_problems(item: Loaded) -> list[str]:
    """What the operator alone can judge of a schedule: its clock knows the time zones."""
    spec = item.obj.get("spec") or {}
    if item.ref.kind != PIPELINE or not spec.get("schedule"):
        return []
    try:
        check(spec["schedule"], spec.get("timeZone"))
    except ScheduleError as error:
        field = str(error).partition(":")[0]
        return [f"{item.document.place_of(field)} {error}"]
    return []


def _dangling(loaded: Sequence[Loaded], existing: Mapping[Ref, Obj]) -> list[str]:
    """References to objects that are in neither the files nor the state."""
    there = {item.ref for item in loaded} | set(existing)
    models = references.published_models([*(item.obj for item in loaded), *existing.values()])
    problems: list[str] = []
    for item in loaded:
        for path, target in references.references(item.obj):
            if target not in there:
                problems.append(_missing(item, path, f"{target.kind.kind} {target.name!r}"))
        model = references.served_model(item.obj)
        if model and (item.ref.namespace, model) not in models:
            problems.append(
                _missing(item, "spec.model.name", f"pipeline that publishes model {model!r}")
            )
    return problems


def _missing(item: Loaded, path: str, what: str) -> str:
    return f"{item.document.place_of(path)} {path}: there is no {what} in the files or in the state"


def _prepare(item: Loaded) -> None:
    """What an API server or kubectl would do on the way: namespace, stringData, where paths start."""
    metadata = item.obj["metadata"]
    metadata.setdefault("namespace", "default")
    if item.ref.kind == DATASTORE:
        annotations = metadata.setdefault("annotations", {})
        annotations.setdefault(BASE_DIR, str(item.document.base))
    if item.ref.kind == SECRET:
        plain = item.obj.pop("stringData", None) or {}
        data = item.obj.setdefault("data", {})
        data.update(
            {key: base64.b64encode(str(value).encode()).decode() for key, value in plain.items()}
        )
