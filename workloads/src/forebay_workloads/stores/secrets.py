"""The Secret of a DataStore: read from where it is mounted, and struck out of what is said.

Used by the adapters' connections and errors. Nothing in it may reach a log, a status or an event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from forebay_workloads import credentials
from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError

_AUTHORITY = re.compile(r"[/?#]")  # ends it; urlsplit would refuse some URIs, and show them
_MOST_BYTES = 1 << 16  # of one key
_PUBLIC = re.compile(
    r"(.*user(name)?|host|port|type|provider|database|.*\.crt|.*access_?key_?id"
    r"|bootstrap.*|security.*|sasl.?mechanism)",
    re.IGNORECASE,
)


def read_secret(ref: StoreRef) -> dict[str, str]:
    """The mounted Secret, one text per key; ConfigError SecretMissing when it is not there."""
    if ref.secrets is None:
        return {}
    folder = mounted(ref.secrets)
    if not folder.is_dir():
        raise ConfigError("SecretMissing", f"DataStore {ref.name}: its Secret is not mounted")
    files = (p for p in folder.iterdir() if p.is_file() and p.stat().st_size < _MOST_BYTES)
    return {path.name: path.read_text(errors="replace").strip() for path in files}


def first(secret: Mapping[str, str], names: Sequence[str]) -> str | None:
    """What stands under the first of these names that is there."""
    return next((secret[name] for name in names if secret.get(name)), None)


def check_login(ref: StoreRef, secret: Mapping[str, str]) -> None:
    """ConfigError SecretMissing where the Secret has keys, but none of those that say who we are; names no value."""
    others = set(secret) - credentials.NO_LOGIN
    if not others or credentials.complete(ref.type, set(secret)):
        return
    lacks = credentials.lacking(ref.type, others)
    if lacks:
        raise ConfigError("SecretMissing", f"DataStore {ref.name}: its Secret {lacks}")


def hidden(secret: Mapping[str, str]) -> tuple[str, ...]:
    """What must be struck out of every message: all values but those of keys that are known to be harmless."""
    found = {part for key, value in secret.items() for part in _parts(key, value)}
    return tuple(sorted(found, key=len, reverse=True))  # the longest first, as one may hold another


def _parts(key: str, value: str) -> Iterator[str]:
    if not value or _PUBLIC.fullmatch(key):
        return
    yield value
    authority = _AUTHORITY.split(value.partition("://")[2], maxsplit=1)[0]
    password = authority.rpartition("@")[0].partition(":")[2]
    if password:
        yield from {password, unquote(password)}


def without(text: str, secrets: Sequence[str]) -> str:
    """The text with each secret struck out; do so before it is cut, or a part would stay."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text
