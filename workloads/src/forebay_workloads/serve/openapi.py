"""The OpenAPI description of a served model, from its signature. Pure; shown by guard.py under /docs.json."""

from __future__ import annotations

from typing import Any

from forebay_workloads.serve.served import Served
from forebay_workloads.serve.tensors import TensorSpec

_JSON_TYPES = {"BYTES": "string", "BOOL": "boolean", "INT64": "integer", "INT32": "integer"}
_REFUSED = {
    "description": "The request is wrong; `field` names where",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "properties": {"error": {"type": "string"}, "field": {"type": "string"}},
            }
        }
    },
}


def _row(specs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": [s.name for s in specs],
        "properties": {s.name: _value(s, len(s.shape) - 1) for s in specs},
    }


def _value(spec: TensorSpec, depth: int) -> dict[str, Any]:
    if depth:
        return {"type": "array", "items": _value(spec, depth - 1)}
    return {"type": _JSON_TYPES.get(spec.datatype, "number")}


def _post(summary: str, body: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": {"application/json": {"schema": body}}},
            "responses": {
                "200": {
                    "description": "Answered",
                    "content": {"application/json": {"schema": answer}},
                },
                "422": _REFUSED,
            },
        }
    }


def _object(required: list[str] | None = None, **properties: Any) -> dict[str, Any]:
    return {"type": "object", "required": required or list(properties), "properties": properties}


def _list(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": items}


_TEXT = {"type": "string"}


def _recommend() -> dict[str, Any]:
    item = _object(rank={"type": "integer"}, item=_TEXT, score={"type": "number"})
    return _post(
        "The items of highest score for a user, seen items left out",
        _object(
            ["user"],
            user=_TEXT,
            top={"type": "integer", "minimum": 1, "maximum": 1000, "default": 10},
        ),
        _object(model_version=_TEXT, user=_TEXT, known={"type": "boolean"}, items=_list(item)),
    )


def _tensors(specs: tuple[TensorSpec, ...]) -> dict[str, Any]:
    shape = _list({"type": "integer"})
    names = {"type": "string", "enum": [s.name for s in specs]}
    return _list(_object(name=names, datatype=_TEXT, shape=shape, data=_list({})))


def describe(served: Served) -> dict[str, Any]:
    """An OpenAPI 3.0 document of the model's routes."""
    model, base = served.model, f"/v2/models/{served.name}"
    paths = {
        "/predict": _post(
            "One answer per row",
            _object(inputs=_list(_row(model.inputs))),
            _object(model_version=_TEXT, outputs=_list(_row(model.outputs))),
        ),
        f"{base}/infer": _post(
            "Open inference protocol",
            _object(["inputs"], id=_TEXT, inputs=_tensors(model.inputs)),
            _object(model_name=_TEXT, model_version=_TEXT, outputs=_tensors(model.outputs)),
        ),
        base: {
            "get": {"summary": "Model metadata", "responses": {"200": {"description": "Metadata"}}}
        },
        "/v2/health/ready": {
            "get": {"summary": "Readiness", "responses": {"200": {"description": "Ready"}}}
        },
        "/metrics": {
            "get": {"summary": "Prometheus metrics", "responses": {"200": {"description": "Text"}}}
        },
    }
    if "/recommend" in served.routes:
        paths["/recommend"] = _recommend()
    return {
        "openapi": "3.0.3",
        "info": {"title": served.name, "version": served.version, "description": served.digest},
        "paths": paths,
    }
