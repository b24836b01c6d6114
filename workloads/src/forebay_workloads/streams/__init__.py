"""The table of stream adapters. `open_stream` is how stages and the scoring service reach a broker."""

from __future__ import annotations

import importlib
from typing import cast

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.streams.base import Stream

ADAPTERS = {
    "embedded": ("forebay_workloads.streams.embedded", "EmbeddedStream"),
    "kafka": ("forebay_workloads.streams.kafka", "KafkaStream"),
}


def open_stream(ref: StoreRef) -> Stream:
    """Opens the broker that `ref` describes; close it.

    Raises:
        ConfigError: FieldNotSupportedInMode when this image has no adapter for the type.
    """
    if ref.type not in ADAPTERS:
        known = ", ".join(sorted(ADAPTERS))
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"DataStore {ref.name}: no stream adapter for type {ref.type!r} (there are: {known})",
        )
    module, name = ADAPTERS[ref.type]
    return cast("Stream", getattr(importlib.import_module(module), name)(ref))
