"""How long the rows of a sink are kept: `to.ttl` as seconds. Used by the stages that write tables. Pure, no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads.errors import ConfigError
from forebay_workloads.features.declaration import duration
from forebay_workloads.stores.base import Store

LONGEST = 20 * 365 * 86_400  # seconds: more than that Cassandra refuses, so it is the same for all


def lifetime(store: Store, place: Mapping[str, Any], field: str) -> float | None:
    """Seconds that a written row is kept; None for good. `field` is the sink's path in the spec.

    Raises:
        ConfigError: FieldNotSupportedInMode where the store cannot, or for a time that makes no sense.
    """
    text = place.get("ttl")
    if not text:
        return None
    if not store.capabilities.ttl:
        message = f"{field}.ttl: DataStore {store.name} cannot forget rows by age"
        raise ConfigError("FieldNotSupportedInMode", message)
    seconds = duration(text, f"{field}.ttl").micros / 1_000_000
    if not 0 < seconds <= LONGEST:
        message = f"{field}.ttl: {text!r} is not between 1ms and 20 years"
        raise ConfigError("FieldNotSupportedInMode", message)
    return seconds
