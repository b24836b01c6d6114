"""The open inference protocol (/v2) as a small ASGI app around a Served model; mounted by service.py.

Source: the protocol's REST specification, https://github.com/kserve/open-inference-protocol.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from forebay_workloads import __version__
from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.served import Served
from forebay_workloads.serve.tensors import Array, TensorSpec, to_array, to_json


class OpenInference:
    """The protocol's endpoints for one model."""

    def __init__(self, served: Served) -> None:
        self._served = served

    def app(self) -> Starlette:
        """Routes below /v2."""
        model = "/models/{name}"
        version = model + "/versions/{version}"
        routes = [
            Route("/", self.server),
            Route("/health/live", self.healthy),
            Route("/health/ready", self.healthy),
            *(Route(path, self.metadata) for path in (model, version)),
            *(Route(path + "/ready", self.ready) for path in (model, version)),
            *(Route(path + "/infer", self.infer, methods=["POST"]) for path in (model, version)),
        ]
        return Starlette(routes=routes, exception_handlers={RequestError: _refused})

    def _check(self, request: Request) -> None:
        name = request.path_params["name"]
        if name not in self._served.names:
            raise RequestError(f"no model {name!r} here, only {self._served.name!r}", "name", 404)
        version = request.path_params.get("version", self._served.version)
        if version != self._served.version:
            raise RequestError(
                f"no version {version!r} here, only {self._served.version!r}", "version", 404
            )

    async def server(self, _: Request) -> Response:
        """Server metadata."""
        return JSONResponse({"name": "forebay", "version": __version__, "extensions": []})

    async def healthy(self, _: Request) -> Response:
        """The process listens only once the model is loaded and checked, so both answers are yes."""
        return JSONResponse({"live": True, "ready": True})

    async def ready(self, request: Request) -> Response:
        """Readiness of the one model."""
        self._check(request)
        return JSONResponse({"name": self._served.name, "ready": True})

    async def metadata(self, request: Request) -> Response:
        """Model metadata; `parameters` carries the digest that was loaded."""
        self._check(request)
        model = self._served.model
        return JSONResponse(
            {
                "name": self._served.name,
                "versions": [self._served.version],
                "platform": "onnxruntime_onnx",
                "inputs": [spec.describe() for spec in model.inputs],
                "outputs": [spec.describe() for spec in model.outputs],
                "parameters": {"digest": self._served.digest},
            }
        )

    async def infer(self, request: Request) -> Response:
        """One inference request in, one response out."""
        self._check(request)
        try:
            body = json.loads(await request.body())
        except (ValueError, RecursionError) as error:
            raise RequestError(f"the body is not JSON: {error}", "", 400) from error
        if not isinstance(body, dict):
            raise RequestError("the body must be a JSON object", "", 400)
        wanted = self._wanted(body)
        outputs = self._served.model.run(self._feeds(body), [spec.name for spec in wanted])
        answer = {
            "model_name": self._served.name,
            "model_version": self._served.version,
            "outputs": [_tensor(spec, outputs[spec.name]) for spec in wanted],
        }
        return JSONResponse({"id": body["id"], **answer} if "id" in body else answer)

    def _feeds(self, body: Mapping[str, Any]) -> dict[str, Array]:
        given = _by_name(body.get("inputs"), "inputs")
        specs = {spec.name: spec for spec in self._served.model.inputs}
        for name in given:
            if name not in specs:
                raise RequestError(
                    f"is not an input; the model takes {sorted(specs)}", f"inputs.{name}"
                )
        for name in specs:
            if name not in given:
                raise RequestError("is missing", f"inputs.{name}")
        return _equally_long({name: _array(specs[name], tensor) for name, tensor in given.items()})

    def _wanted(self, body: Mapping[str, Any]) -> list[TensorSpec]:
        outputs = {spec.name: spec for spec in self._served.model.outputs}
        if not body.get("outputs"):
            return list(outputs.values())
        names = _by_name(body["outputs"], "outputs")
        for name in names:
            if name not in outputs:
                raise RequestError(
                    f"is not an output; the model gives {sorted(outputs)}", f"outputs.{name}"
                )
        return [outputs[name] for name in names]


def _by_name(tensors: Any, field: str) -> dict[str, Mapping[str, Any]]:
    if not isinstance(tensors, list) or not tensors:
        raise RequestError("must be a list of tensors", field)
    named: dict[str, Mapping[str, Any]] = {}
    for index, tensor in enumerate(tensors):
        if not isinstance(tensor, dict) or not isinstance(tensor.get("name"), str):
            raise RequestError("must be an object with a name", f"{field}[{index}]")
        named[tensor["name"]] = tensor
    return named


def _array(spec: TensorSpec, tensor: Mapping[str, Any]) -> Array:
    field = f"inputs.{spec.name}"
    if tensor.get("datatype") != spec.datatype:
        raise RequestError(
            f"must be {spec.datatype}, not {tensor.get('datatype')}", f"{field}.datatype"
        )
    shape, data = tensor.get("shape"), tensor.get("data")
    if (
        not isinstance(shape, list)
        or not shape
        or not all(isinstance(n, int) and n >= 0 for n in shape)
    ):
        raise RequestError("must be a list of sizes", f"{field}.shape")
    if not isinstance(data, list):
        raise RequestError("must be a list of values", f"{field}.data")
    try:
        flat = to_array(
            TensorSpec(spec.name, spec.onnx_type, (None,) * _depth(data)), data, f"{field}.data"
        )
        array = flat.reshape(shape)
    except ValueError as error:
        raise RequestError(
            f"does not hold as many values as {shape} says", f"{field}.data"
        ) from error
    sizes: tuple[int, ...] = array.shape
    if len(sizes) != len(spec.shape) or any(
        want not in (None, have) for want, have in zip(spec.shape[1:], sizes[1:], strict=True)
    ):
        raise RequestError(f"must match {spec.describe()['shape']}, is {shape}", f"{field}.shape")
    return array


def _equally_long(feeds: dict[str, Array]) -> dict[str, Array]:
    sizes = {name: array.shape[0] for name, array in feeds.items()}
    if len(set(sizes.values())) > 1:
        raise RequestError(f"tensors differ in their first dimension: {sizes}", "inputs")
    return feeds


def _depth(data: Any) -> int:
    return 1 + _depth(data[0]) if isinstance(data, list) and data else int(isinstance(data, list))


def _tensor(spec: TensorSpec, array: Array) -> dict[str, Any]:
    return {
        "name": spec.name,
        "datatype": spec.datatype,
        "shape": list(array.shape),
        "data": to_json(array.reshape(-1)),
    }


async def _refused(_: Request, error: Exception) -> Response:
    """The protocol's error answer."""
    if not isinstance(error, RequestError):
        raise error
    return JSONResponse(error.body(), status_code=error.status)
