"""The table of recipes. `find` turns `train.algorithm` or `train.entrypoint` into an object of the recipe contract.

A recipe is one module (or package) here with an object `RECIPE`, and one line in `RECIPES`. A recipe is
imported when it is asked for, and its framework when it trains.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from inspect import isfunction
from typing import Any

from forebay_workloads.errors import ConfigError
from forebay_workloads.recipes.base import Recipe

RECIPES: Mapping[str, str] = {
    "matrix-factorization": "forebay_workloads.recipes.matrix_factorization:RECIPE",
}
"""Algorithm → where its object is, as `module:attribute`."""

_TARGET = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")
_FUNCTIONS = ("fit", "evaluate", "export", "load", "predict", "key")


def find(train: Mapping[str, Any]) -> Recipe:
    """The recipe that a spec's `train` block names, checked against its `runtime`.

    `algorithm` is a key of RECIPES. `entrypoint` is `package.module:attribute`, the attribute being an
    object with the recipe's functions, or a class of such objects that takes no arguments; the package
    must be importable in the stage's image.

    Raises:
        ConfigError: FieldNotSupportedInMode for a name, a runtime or an object that will not do.
    """
    entrypoint = train.get("entrypoint")
    recipe = _entrypoint(str(entrypoint)) if entrypoint else shipped(str(train.get("algorithm")))
    runtime = train.get("runtime")
    if runtime and runtime != recipe.runtime:
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"train.runtime: {runtime!r} cannot run {recipe.name}; its runtime is {recipe.runtime!r}",
        )
    return recipe


def shipped(name: str) -> Recipe:
    """The recipe of that name in this image; ConfigError FieldNotSupportedInMode names the known ones."""
    if name not in RECIPES:
        known = ", ".join(sorted(RECIPES))
        raise ConfigError(
            "FieldNotSupportedInMode", f"train.algorithm: unknown {name!r} (known: {known})"
        )
    return _attribute(RECIPES[name])


def _entrypoint(target: str) -> Recipe:
    if not _TARGET.fullmatch(target):
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"train.entrypoint: {target!r} is not of the form package.module:attribute",
        )
    try:
        recipe = _attribute(target)
    except ModuleNotFoundError as error:
        raise ConfigError(
            "ReferenceMissing",
            f"train.entrypoint: {error}; put the package into the image that train.image names",
        ) from error
    except AttributeError as error:
        raise ConfigError("ReferenceMissing", f"train.entrypoint: {error}") from error
    missing = [name for name in _FUNCTIONS if not callable(getattr(recipe, name, None))]
    missing += [
        name for name in ("name", "runtime") if not isinstance(getattr(recipe, name, None), str)
    ]
    if missing:
        what = "is a function" if isfunction(recipe) else f"lacks {', '.join(missing)}"
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"train.entrypoint: {target} {what}; it has to be an object with name, runtime and the "
            f"functions {', '.join(_FUNCTIONS)}",
        )
    return recipe


def _attribute(target: str) -> Recipe:
    module, name = target.split(":")
    found: Any = getattr(importlib.import_module(module), name)
    recipe: Recipe = found() if isinstance(found, type) else found
    return recipe
