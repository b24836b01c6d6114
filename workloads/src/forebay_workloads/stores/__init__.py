"""The table of store adapters. `open_store` is how every stage and the serving process reach a store.

An adapter is imported when a DataStore of its type is opened, so an image needs only the drivers it uses.
"""

from __future__ import annotations

import importlib
from typing import cast

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores.base import Store

ADAPTERS = {
    "cassandra": ("forebay_workloads.stores.cassandra", "CassandraStore"),
    "couchbase": ("forebay_workloads.stores.couchbase", "CouchbaseStore"),
    "dynamodb": ("forebay_workloads.stores.dynamodb", "DynamoStore"),
    "embedded": ("forebay_workloads.stores.embedded", "EmbeddedStore"),
    "files": ("forebay_workloads.stores.files", "FilesStore"),
    "hbase": ("forebay_workloads.stores.hbase", "HBaseStore"),
    "kafka": ("forebay_workloads.stores.kafka", "KafkaStore"),
    "mongodb": ("forebay_workloads.stores.mongodb", "MongoStore"),
}


def open_store(ref: StoreRef) -> Store:
    """Opens the store that `ref` describes; close it, or use it with `with`.

    Raises:
        ConfigError: FieldNotSupportedInMode when this image has no adapter for the type.
    """
    if ref.type not in ADAPTERS:
        known = ", ".join(sorted(ADAPTERS))
        raise ConfigError(
            "FieldNotSupportedInMode",
            f"DataStore {ref.name}: no table adapter for type {ref.type!r} (there are: {known})",
        )
    module, name = ADAPTERS[ref.type]
    return cast("Store", getattr(importlib.import_module(module), name)(ref))
