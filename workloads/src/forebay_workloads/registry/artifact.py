"""An artefact in a store: files, their manifest and the digest that names them.

Blobs lie under `models/<model>/<first 16 hex digits of the digest>/`: each file, `manifest.json`
({file: "sha256:…"}, canonical JSON) and `card.json`. The artefact's digest is the sha256 of the
manifest's bytes, so it depends on the model's files alone: not on the time, the run or the card.
Publish saves; evaluate, predict and serve load. No framework is imported here: the serving image has none.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores.base import Store

MANIFEST = "manifest.json"
CARD = "card.json"
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Saved:
    """Where an artefact lies: `key` is the blob prefix without a slash at its end."""

    digest: str
    key: str
    size: int  # bytes of the model's files, without manifest and card


def digest_of(content: bytes) -> str:
    """`sha256:<hex>` of the bytes."""
    return "sha256:" + hashlib.sha256(content).hexdigest()


def canonical(document: Mapping[str, Any]) -> bytes:
    """JSON that is the same bytes for the same values."""
    return json.dumps(
        document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def manifest_of(files: Mapping[str, bytes]) -> bytes:
    """The manifest's bytes; ValueError for a file name that could not be one (or is the registry's own)."""
    for name in files:
        if not _FILE.fullmatch(name) or name in (MANIFEST, CARD):
            raise ValueError(f"{name!r} cannot be a file of an artefact")
    return canonical({name: digest_of(content) for name, content in files.items()})


def key_of(model: str, digest: str) -> str:
    """The blob prefix of the artefact with this digest."""
    return f"models/{model}/{digest.removeprefix('sha256:')[:16]}"


def save(
    store: Store, model: str, files: Mapping[str, bytes], card: Mapping[str, Any] | None = None
) -> Saved:
    """Puts an artefact into the store. The same files again give the same blobs; the manifest comes last."""
    manifest = manifest_of(files)
    digest = digest_of(manifest)
    key = key_of(model, digest)
    for name in sorted(files):
        store.put_blob(f"{key}/{name}", io.BytesIO(files[name]))
    if card is not None:
        store.put_blob(f"{key}/{CARD}", io.BytesIO(canonical(card)))
    store.put_blob(f"{key}/{MANIFEST}", io.BytesIO(manifest))
    return Saved(digest, key, sum(len(content) for content in files.values()))


def load(store: Store, key: str, digest: str) -> dict[str, bytes]:
    """The artefact's files by name, every byte checked against `digest`.

    DataError DigestMismatch when anything differs from what was published or a file is gone;
    ConfigError ReferenceMissing when there is no artefact at `key`.
    """
    if not _DIGEST.fullmatch(digest):
        raise ConfigError(
            "DigestMismatch", f"{digest!r} is no digest; one is sha256:<64 hex digits>"
        )
    key = key.rstrip("/")
    raw = _read(store, f"{key}/{MANIFEST}")
    _check(raw, digest, f"{key}/{MANIFEST}")
    return {name: _file(store, f"{key}/{name}", want) for name, want in json.loads(raw).items()}


def load_card(store: Store, key: str) -> dict[str, Any]:
    """The model card's document; ConfigError ReferenceMissing when there is none."""
    document: dict[str, Any] = json.loads(_read(store, f"{key.rstrip('/')}/{CARD}"))
    return document


def _file(store: Store, key: str, want: str) -> bytes:
    try:
        content = _read(store, key)
    except ConfigError as error:
        raise DataError(
            "DigestMismatch",
            f"the artefact's file {key} is not in the store any more; publish the model again",
        ) from error
    _check(content, want, key)
    return content


def _read(store: Store, key: str) -> bytes:
    with store.open_blob(key) as stream:
        return stream.read()


def _check(content: bytes, want: str, key: str) -> None:
    got = digest_of(content)
    if got != want:
        raise DataError(
            "DigestMismatch",
            f"blob {key} has digest {got}, {want} was published; publish the model again or roll back",
        )
