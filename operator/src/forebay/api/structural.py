"""From pydantic types to structural CRD schemas: references inlined, null and anyOf gone, bounds kept.

Called by `crdgen` (files) and `schema` (validation). Pure; the rules are those of Kubernetes for
structural schemas, so what comes out may be applied to an API server as it is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any

from forebay.api.kinds import CATEGORY, GROUP, KINDS, VERSION, KindInfo

Schema = dict[str, Any]

INT_OR_STRING = "x-kubernetes-int-or-string"
PRESERVE = "x-kubernetes-preserve-unknown-fields"
RULES = "x-kubernetes-validations"
LIST_TYPE = "x-kubernetes-list-type"

_KEPT = (
    "description",
    "type",
    "format",
    "nullable",
    "enum",
    "pattern",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "default",
    INT_OR_STRING,
    PRESERVE,
    LIST_TYPE,
    "x-kubernetes-list-map-keys",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "anyOf",
    RULES,
)
"""Every key that a schema here may have, in the order in which it is written."""


def _resolved(node: Schema, defs: Mapping[str, Schema]) -> Schema:
    """The node with its reference and its `or null` merged into it; what stands beside them wins."""
    if "$ref" in node:
        target = defs[node["$ref"].rsplit("/", 1)[-1]]
        return _resolved({**target, **{k: v for k, v in node.items() if k != "$ref"}}, defs)
    if "anyOf" in node and INT_OR_STRING not in node:
        branches = [branch for branch in node["anyOf"] if branch.get("type") != "null"]
        if len(branches) != 1:
            raise TypeError(f"a union cannot be told apart by an API server: {node}")
        rest = {k: v for k, v in node.items() if k != "anyOf"}
        return _resolved({**branches[0], **rest, "nullable": True}, defs)
    return node


def _default(node: Schema) -> Schema:
    """The node with the default that an API server can apply: none for null, the fields' own for a block.

    A block's is written out, nested ones too: an API server judges a default by the rules as it stands.
    """
    default = node.get("default")
    if default is None:
        return {k: v for k, v in node.items() if k != "default"}
    if "properties" not in node:
        return node
    fields = {k: v["default"] for k, v in node["properties"].items() if "default" in v}
    return {**node, "default": fields}


def _convert(node: Schema, defs: Mapping[str, Schema], *, field: bool = True) -> Schema:
    node = _resolved(node, defs)
    if (
        field
    ):  # a field that may be left out is optional, not nullable; an item of a list may be null
        node.pop("nullable", None)
    if "const" in node:
        node["enum"] = [node["const"]]
    if "properties" in node:
        node["properties"] = {k: _convert(v, defs) for k, v in node["properties"].items()}
    if node.get("additionalProperties") is True:
        node[PRESERVE] = True
        node.pop("additionalProperties")
    elif isinstance(node.get("additionalProperties"), dict):
        node["additionalProperties"] = _convert(node["additionalProperties"], defs)
    if "items" in node:
        node["items"] = _convert(node["items"], defs, field=False)
        node.setdefault(LIST_TYPE, "atomic")
    node = _default(node)
    return {key: node[key] for key in _KEPT if key in node}


def structural(info: KindInfo) -> Schema:
    """The `openAPIV3Schema` of a kind."""
    raw = info.type.model_json_schema(by_alias=True)
    root = _convert(raw, raw.get("$defs", {}))
    properties = {
        "apiVersion": {"type": "string", "description": f"Always {GROUP}/{VERSION}."},
        "kind": {"type": "string", "description": f"Always {info.name}."},
        "metadata": {"type": "object"},
        **{key: root["properties"][key] for key in ("spec", "status")},
    }
    return {
        "description": (info.type.__doc__ or "").strip(),
        "type": "object",
        "required": ["spec"],
        "properties": properties,
        RULES: [rule.to_schema() for rule in info.rules],
    }


@cache
def _schema(kind: str) -> Schema:
    return structural(KINDS[kind])


def schema_of(kind: str) -> Schema:
    """The schema of a kind, built once; KeyError for a kind that is not ours. Not to be changed."""
    return _schema(kind)


def crd(info: KindInfo) -> Schema:
    """The CustomResourceDefinition of a kind."""
    version = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [column.to_schema() for column in info.columns],
        "schema": {"openAPIV3Schema": copy.deepcopy(schema_of(info.name))},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{info.plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": info.name,
                "listKind": f"{info.name}List",
                "plural": info.plural,
                "singular": info.singular,
                "shortNames": [info.short],
                "categories": [CATEGORY],
            },
            "versions": [version],
        },
    }
