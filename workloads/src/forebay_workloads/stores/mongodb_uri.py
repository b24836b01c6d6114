"""The connection string in a Secret of somebody else's operator, taken apart: no URI is ever given to the driver. Pure.

Used by mongodb_connection.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote, urlsplit

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError

URIS = ("uri", "connectionString.standard")
ONE_OF_MANY = "_connectionString"  # ends a key of Percona's: <user>_<replica set or mongos>…
_ROUTER, _CONFIG = "_mongos" + ONE_OF_MANY, "_cfg" + ONE_OF_MANY


@dataclass(frozen=True)
class Uri:
    """What it says."""

    hosts: list[str]
    user: str | None = None
    password: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def tls(self) -> bool:
        """Whether it wants an encrypted connection."""
        return "true" in (self.options.get("tls"), self.options.get("ssl"))


def found_in(ref: StoreRef, secret: Mapping[str, str]) -> Uri | None:
    """The one that the Secret holds; ConfigError names the keys where it is not clear which, and never a value."""
    keys = [key for key in URIS if secret.get(key)] or _of_percona(secret)
    if not keys:
        return None
    if len(keys) > 1 and keys[0] not in URIS:
        message = f"DataStore {ref.name}: its Secret has connection strings of several servers: {', '.join(keys)}"
        raise ConfigError("InvalidSpec", f"{message}; name the hosts in mongodb.hosts")
    return _parsed(ref, keys[0], secret[keys[0]])


def _of_percona(secret: Mapping[str, str]) -> list[str]:
    """A router leads to all; servers that hold the configuration lead nowhere."""
    keys = sorted(key for key in secret if key.endswith(ONE_OF_MANY) and not key.endswith(_CONFIG))
    return [key for key in keys if key.endswith(_ROUTER)] or keys


def _parsed(ref: StoreRef, key: str, text: str) -> Uri:
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    login, _, places = parts.netloc.rpartition("@")
    if parts.scheme != "mongodb" or not places:
        message = f"DataStore {ref.name}: {key!r} of its Secret is no connection string that begins with mongodb://"
        raise ConfigError("FieldNotSupportedInMode", message)
    user, colon, password = login.partition(":")
    return Uri(
        hosts=places.split(","),
        user=unquote(user) or None,
        password=unquote(password) if colon else None,
        options=dict(parse_qsl(parts.query)),
    )
