"""What a pod serves: one model, its name and version, and the routes its recipe adds. Built by main.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from forebay_workloads.contract import ServeDocument
from forebay_workloads.errors import DataError
from forebay_workloads.serve.errors import RequestError
from forebay_workloads.serve.model import OnnxModel
from forebay_workloads.serve.recommender import Recommender

Handler = Callable[[Mapping[str, Any]], dict[str, Any]]


def _matrix_factorization(model: OnnxModel, files: Mapping[str, bytes]) -> dict[str, Handler]:
    recommender = Recommender(model, files)

    def recommend(body: Mapping[str, Any]) -> dict[str, Any]:
        _only(body, {"user", "top"}, {"user"})
        return recommender.recommend(body["user"], body.get("top", 10))

    return {"/recommend": recommend}


RECIPE_ROUTES: Mapping[str, Callable[[OnnxModel, Mapping[str, bytes]], dict[str, Handler]]] = {
    "matrix-factorization": _matrix_factorization,
}
"""The routes that a recipe adds to /predict: a new one is a function and a line here."""


def _only(body: Mapping[str, Any], known: set[str], required: set[str]) -> None:
    if missing := required - body.keys():
        raise RequestError("is missing", min(missing))
    if unknown := body.keys() - known:
        raise RequestError(f"is not a field of this request; it has {sorted(known)}", min(unknown))


class Served:
    """The model behind every route. `routes` maps a path to a function from JSON body to JSON answer."""

    def __init__(self, document: ServeDocument, files: Mapping[str, bytes]) -> None:
        self.name = document.deployment
        self.names = {document.deployment, document.model}
        self.version = document.model_version
        self.digest = document.digest
        self.model = OnnxModel(files)
        self.model.check()
        extra = RECIPE_ROUTES.get(document.recipe)
        try:
            recipe_routes = extra(self.model, files) if extra else {}
        except (KeyError, ValueError, RequestError) as error:
            raise DataError("ModelLoadFailed", f"recipe {document.recipe}: {error}") from error
        self.routes: dict[str, Handler] = {"/predict": self._predict, **recipe_routes}

    def _predict(self, body: Mapping[str, Any]) -> dict[str, Any]:
        _only(body, {"inputs"}, {"inputs"})
        return {"outputs": self.model.predict_rows(body["inputs"])}

    def answer(self, route: str, body: Any) -> dict[str, Any]:
        """The answer of a route, stamped with the version that gave it."""
        if not isinstance(body, dict):
            raise RequestError("the body must be a JSON object")
        return {"model_version": self.version, **self.routes[route](body)}
