"""The Secret of a DataStore: read from where it is mounted, and struck out of what is said.

Used by the adapters' connections and errors. Nothing in it may reach a log, a status or an event.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError

_MOST_BYTES = 1 << 16  # of one key


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


def without(text: str, secrets: Sequence[str]) -> str:
    """The text with each secret struck out; do so before it is cut, or a part would stay."""
    for secret in filter(None, secrets):
        text = text.replace(secret, "***")
    return text
