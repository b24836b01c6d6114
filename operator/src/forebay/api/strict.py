"""The JSON Schema with which an object is judged: the CRD's schema, unknown fields forbidden.

Built from the types, once for each kind. Used by `schema` only.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from forebay.api.structural import INT_OR_STRING, PRESERVE, Schema, schema_of
from forebay.api.v1alpha1.scalars import DNS_SUBDOMAIN

_STRING: Schema = {"type": "string"}
_LABELS: Schema = {"type": "object", "additionalProperties": _STRING}
METADATA: Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {
            "type": "string",
            "minLength": 1,
            "maxLength": 253,
            "pattern": DNS_SUBDOMAIN.removesuffix("$") + r"\Z",
            "description": "Name of the object. Example: `movies`.",
        },
        "generateName": _STRING,
        "namespace": {"type": "string", "maxLength": 63},
        "labels": _LABELS,
        "annotations": _LABELS,
        "finalizers": {"type": "array", "items": _STRING},
        "ownerReferences": {"type": "array", "items": {"type": "object"}},
        "managedFields": {"type": "array", "items": {"type": "object"}},
        "uid": _STRING,
        "resourceVersion": _STRING,
        "selfLink": _STRING,
        "generation": {"type": "integer"},
        "creationTimestamp": {"type": ["string", "null"]},
        "deletionTimestamp": _STRING,
        "deletionGracePeriodSeconds": {"type": "integer"},
    },
}
_COPIED = (
    "description",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "maxProperties",
    "required",
)


def strict(schema: Schema) -> Schema:
    """The schema in plain JSON Schema; every object with known fields refuses others."""
    out: Schema = {key: schema[key] for key in _COPIED if key in schema}
    if schema.get(INT_OR_STRING):
        out["type"] = ["integer", "string"]
    elif "type" in schema:
        out["type"] = [schema["type"], "null"] if schema.get("nullable") else schema["type"]
    if "pattern" in schema:  # RE2's $ is the end of the text, Python's may stand before a newline
        out["pattern"] = schema["pattern"].removesuffix("$") + r"\Z"
    if "items" in schema:
        out["items"] = strict(schema["items"])
    if isinstance(schema.get("additionalProperties"), dict):
        out["additionalProperties"] = strict(schema["additionalProperties"])
    elif "properties" in schema:
        out["properties"] = {k: strict(v) for k, v in schema["properties"].items()}
        out["additionalProperties"] = bool(schema.get(PRESERVE))
    return out


@cache
def schema_for(kind: str) -> Schema:
    """The strict schema of a kind of ours, with the metadata of every object."""
    schema = strict(schema_of(kind))
    schema["properties"]["metadata"] = METADATA
    return schema


@cache
def validator_for(kind: str) -> Any:
    """The validator of a kind of ours; KeyError for another kind."""
    return Draft202012Validator(schema_for(kind))
