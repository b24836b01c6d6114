"""Which other objects an object names, by field path. Called by `loader.py` to find references that dangle.

Walks the spec generically: a `storeRef`, `deploymentRef` or `pipelineRef` means the same wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from forebay.cli.yamltext import child
from forebay.kube.port import DATASTORE, DEPLOYMENT, MODEL_VERSION, PIPELINE, RUN, Kind, Obj, Ref

REF_FIELDS: Mapping[str, Kind] = {
    "storeRef": DATASTORE,
    "deploymentRef": DEPLOYMENT,
    "pipelineRef": PIPELINE,
}


def references(obj: Obj) -> Iterator[tuple[str, Ref]]:
    """Field path and target of every reference in the object's spec."""
    namespace = namespace_of(obj)
    for path, key, value in _walk(obj.get("spec"), "spec"):
        if key in REF_FIELDS and isinstance(value, dict) and isinstance(value.get("name"), str):
            yield child(path, "name"), Ref(REF_FIELDS[key], namespace, value["name"])


def served_model(obj: Obj) -> str | None:
    """The name of the model that a ModelDeployment serves."""
    if obj.get("kind") != DEPLOYMENT.kind:
        return None
    name = _dig(obj, "spec", "model", "name")
    return name if isinstance(name, str) else None


def published_models(objects: Iterable[Obj]) -> set[tuple[str, str]]:
    """(namespace, model) of every model that one of the objects publishes or is a version of."""
    found: set[tuple[str, str]] = set()
    for obj in objects:
        name: Any = None
        if obj.get("kind") == PIPELINE.kind:
            name = _dig(obj, "spec", "publish", "model")
        elif obj.get("kind") == RUN.kind:
            name = _dig(obj, "spec", "template", "publish", "model")
        elif obj.get("kind") == MODEL_VERSION.kind:
            name = _dig(obj, "spec", "model")
        if isinstance(name, str):
            found.add((namespace_of(obj), name))
    return found


def namespace_of(obj: Obj) -> str:
    """The namespace an object goes to; `default` where it names none."""
    return str(obj["metadata"].get("namespace") or "default")


def _dig(value: Any, *keys: str) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _walk(value: Any, path: str) -> Iterator[tuple[str, str, Any]]:
    """(path, last key, value) of every field below `value`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield child(path, key), key, item
            yield from _walk(item, child(path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _walk(item, child(path, index))
