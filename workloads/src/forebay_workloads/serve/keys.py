"""The keys that callers must show: read from the mounted Secret by main.py, checked by guard.py.

A key is shown as `Authorization: Bearer KEY` or `X-Api-Key: KEY`. Only digests are kept and compared, so that
neither a memory dump nor the time of an answer tells a key.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

from forebay_workloads import contract
from forebay_workloads.errors import ConfigError

Keys = frozenset[bytes]
_OPEN = (
    "/v2/health/",
    "/livez",
    "/readyz",
    "/healthz",
    "/metrics",
)  # kubelet and Prometheus show none


def read(rest: Mapping[str, Any]) -> Keys | None:
    """Digests of all keys; None when everybody may call. ConfigError SecretMissing when there is none."""
    folder = (rest.get("auth") or {}).get("keys")
    if folder is None:
        return None
    files = (file for file in contract.mounted(folder).glob("*") if file.is_file())
    found = frozenset(_digest(text) for file in files if (text := file.read_bytes().strip()))
    if not found:
        raise ConfigError(
            "SecretMissing", "the Secret of rest.auth holds no key; add one per caller"
        )
    return found


def allowed(keys: Keys | None, path: str, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request may pass."""
    if keys is None or path.startswith(_OPEN):
        return True
    kind, _, token = headers.get(b"authorization", b"").partition(b" ")
    shown = token.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")
    digest = _digest(shown)
    return any([hmac.compare_digest(digest, one) for one in keys])  # noqa: C419 - all are compared


def _digest(key: bytes) -> bytes:
    return hashlib.sha256(key).digest()
