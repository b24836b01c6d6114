"""How callers outside the cluster reach a model: a route of the Gateway API. Used by modeldeployment.py."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from forebay.api.v1alpha1.base import Block, about
from forebay.api.v1alpha1.scalars import ForeignName

Hostname = Annotated[
    str,
    Field(
        min_length=1,
        max_length=253,
        pattern=r"^([*][.])?[a-z0-9]([-a-z0-9]*[a-z0-9])?([.][a-z0-9]([-a-z0-9]*[a-z0-9])?)*$",
    ),
]
UrlPath = Annotated[
    str,
    Field(
        min_length=1,
        max_length=256,
        pattern=r"^/([a-zA-Z0-9_~-][a-zA-Z0-9._~-]*(/[a-zA-Z0-9_~-][a-zA-Z0-9._~-]*)*)?$",
    ),
]
"""Whole segments, none of which begins with a dot."""


class GatewayRef(Block):
    """A Gateway of this namespace and the requests of it that are the model's."""

    name: Annotated[ForeignName, about("Name of a Gateway in this namespace.", "public")]
    listener: Annotated[
        ForeignName | None, about("Listener of the Gateway; left out: all of them.", "https")
    ] = None
    hostname: Annotated[
        Hostname | None,
        about("Host that callers ask for; left out: any.", "fraud.example.com"),
    ] = None
    path: Annotated[
        UrlPath,
        about("Path that comes before the model's own routes, taken off on the way.", "/fraud"),
    ] = "/"
