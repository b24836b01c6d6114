"""The Secret of a DataStore: read from where it is mounted, and struck out of what is said.

Used by the adapters' connections and errors. Nothing in it may reach a log, a status or an event.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import unquote

from forebay_workloads import credentials
from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError

PAIR = credentials.CERTIFICATES[0]  # certificate and key of a client
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


def client_certificate(ref: StoreRef, secret: Mapping[str, str]) -> tuple[str, str] | None:
    """Files of the client's certificate and its key, where the DataStore asks for one.

    ConfigError SecretMissing when its Secret lacks a key.
    """
    if not (ref.settings.get("tls") or {}).get("clientSecretRef"):
        return None
    if ref.secrets is None or not all(map(secret.get, PAIR)):
        message = f"DataStore {ref.name}: tls.clientSecretRef needs the keys {' and '.join(PAIR)}"
        raise ConfigError("SecretMissing", message)
    folder = mounted(ref.secrets)
    return str(folder / PAIR[0]), str(folder / PAIR[1])


def encryption(
    ref: StoreRef, secret: Mapping[str, str], *, names: bool = True
) -> ssl.SSLContext | None:
    """TLS where the DataStore asks for it, with the CA and the client's certificate that it names.

    Without `names` those of servers are not compared where their CA is the DataStore's own.
    """
    if ref.settings.get("tls") is None:
        return None
    own = str(mounted(ref.secrets) / "ca.crt") if ref.secrets and "ca.crt" in secret else None
    try:
        context = ssl.create_default_context(cafile=own)
        context.check_hostname = names or own is None
        if pair := client_certificate(ref, secret):
            context.load_cert_chain(*pair)
    except ssl.SSLError as error:
        message = (
            f"DataStore {ref.name}: the certificates in its Secret cannot be read: {error.reason}"
        )
        raise ConfigError("SecretMissing", message) from error
    return context


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
