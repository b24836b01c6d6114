"""The base of all API types: camelCase names, one way to describe a field, CEL rules beside the fields.

Every file of this folder builds on it; `forebay.api.structural` turns the types into CRD schemas. It
must not know a kind.
"""

from __future__ import annotations

import json
from typing import Any, ClassVar, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

API_VERSION = "forebay.dev/v1alpha1"


class Rule(NamedTuple):
    """A CEL rule of a block: what must hold, what to do where it does not, and the field to point at."""

    rule: str
    message: str
    field: str | None = None  # ".child" of the block

    def to_schema(self) -> dict[str, str]:
        """The entry of `x-kubernetes-validations`."""
        entry = {"rule": self.rule, "message": self.message}
        return entry | ({"fieldPath": self.field} if self.field else {})


def about(text: str, example: object, *, list_keys: tuple[str, ...] = (), **bounds: Any) -> Any:
    """Describes a field: text with its unit, an example, and bounds as of pydantic's `Field`.

    `list_keys` names the fields that identify an item of the list, so that server-side apply merges
    it item by item.
    """
    shown = example if isinstance(example, str) else json.dumps(example)
    extra: dict[str, Any] = {}
    if list_keys:
        extra = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(list_keys)}
    return Field(
        description=f"{text} Example: `{shown}`.", json_schema_extra=extra or None, **bounds
    )


class Block(BaseModel):
    """A part of an object. Unknown fields are dropped here; naming them is `schema.validate`'s work."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, protected_namespaces=(), extra="ignore"
    )
    RULES: ClassVar[tuple[Rule, ...]] = ()

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """Adds the block's rules to its schema."""
        schema = handler.resolve_ref_schema(handler(core_schema))
        if cls.RULES:
            schema["x-kubernetes-validations"] = [rule.to_schema() for rule in cls.RULES]
        return schema

    def to_object(self) -> dict[str, Any]:
        """As a Kubernetes object holds it: camelCase, without fields that are not set."""
        return self.model_dump(by_alias=True, exclude_none=True)

    @classmethod
    def parse(cls, obj: Any) -> Self:
        """Reads a validated dict; raises pydantic's ValidationError for one that is not valid."""
        return cls.model_validate(obj)
