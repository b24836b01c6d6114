"""The table of record codecs: `codec` gives the one for a topic's `format`. Pure, no I/O of its own.

Used by whoever reads a topic. A codec turns many records into one Arrow batch and the list of poison: decoded.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads.codecs.binary_records import BinaryField, BinaryRecords
from forebay_workloads.codecs.decoded import Codec
from forebay_workloads.codecs.json_records import JsonRecords
from forebay_workloads.errors import ConfigError

FORMATS = ("avro", "binary", "json")


def codec(form: str, schemas: object = None, layout: Mapping[str, Any] | None = None) -> Codec:
    """The codec of a format; `schemas` finds Avro schemas by their id (avro_records.Schemas).

    `layout` is the spec's, of format binary: its fields and the order of their bytes.

    Raises:
        ConfigError: FieldNotSupportedInMode for another format, ReferenceMissing for Avro without a registry,
            SchemaMismatch for a layout that cannot be.
    """
    if form in ("json", "jsonl"):
        return JsonRecords()
    if form == "binary":
        block = layout or {}
        fields = [BinaryField(one["name"], one["type"]) for one in block.get("fields", ())]
        return BinaryRecords(fields, block.get("order", "little"))
    if form != "avro":
        known = ", ".join(FORMATS)
        message = f"records of a topic have no format {form!r} (there are: {known})"
        raise ConfigError("FieldNotSupportedInMode", message)
    if not callable(schemas):
        message = (
            "format avro needs a schema registry: set kafka.schemaRegistryUrl of the DataStore"
        )
        raise ConfigError("ReferenceMissing", message)
    from forebay_workloads.codecs.avro_records import AvroRecords  # noqa: PLC0415 - an image may lack fastavro

    return AvroRecords(schemas)
