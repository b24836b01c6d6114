"""The frame of every kind: apiVersion, kind, metadata, spec, status."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from forebay.api.v1alpha1.base import Block

Metadata = Annotated[dict[str, Any], Field(description="Kubernetes object metadata.")]
"""ObjectMeta as the API has it: the API server's to define, so it stays a dict."""


class Resource(Block):
    """An object of the API. `metadata`, `spec` and `status` are narrowed by each kind."""

    api_version: Literal["forebay.dev/v1alpha1"] = "forebay.dev/v1alpha1"
    metadata: Metadata

    @property
    def name(self) -> str:
        """metadata.name."""
        return str(self.metadata["name"])

    @property
    def namespace(self) -> str:
        """metadata.namespace, `default` where it is left out."""
        return str(self.metadata.get("namespace", "default"))
