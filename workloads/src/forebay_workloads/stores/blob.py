"""Blobs as every adapter reads and names them: digests checked while reading, keys that stay inside.

Used by the adapters. Pure apart from the streams it is given.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from forebay_workloads.errors import ConfigError, DataError
from forebay_workloads.stores.base import CHUNK_BYTES

KEY_LIMIT = 1024  # characters: what object stores allow


def checked_key(key: str) -> str:
    """The key; ConfigError ReferenceMissing when it could leave the store or name nothing."""
    parts = key.split("/")
    bad = any(part in ("", ".", "..") for part in parts) or "\\" in key or "\0" in key
    if bad or len(key) > KEY_LIMIT:
        raise ConfigError(
            "ReferenceMissing", f"{key[:80]!r} is no blob key: words joined by single slashes"
        )
    return key


def digest_text(digest: Any) -> str:
    """`sha256:<hex>` of a hashlib object."""
    return f"sha256:{digest.hexdigest()}"


def read_chunks(source: BinaryIO, size: int = CHUNK_BYTES) -> Iterator[bytes]:
    """All of `source` in chunks of exactly `size` bytes, the last one shorter.

    A raw stream or a socket may give less than was asked for before its end, so chunks are filled.
    """
    while True:
        parts, missing = [], size
        while missing and (data := source.read(missing)):
            parts.append(data)
            missing -= len(data)
        if not parts:
            return
        yield parts[0] if len(parts) == 1 else b"".join(parts)
        if missing:
            return


class _Verified(io.RawIOBase):
    """Hands out chunks and compares the digest of all of them when the last one was read."""

    def __init__(
        self, chunks: Iterator[bytes], digest: str, key: str, close: Callable[[], None]
    ) -> None:
        self._chunks = chunks
        self._expected = digest
        self._key = key
        self._close = close
        self._hash = hashlib.sha256()
        self._rest = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest and not self._ended:
            self._next()
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _next(self) -> None:
        chunk = next(self._chunks, None)
        if chunk is not None:
            self._hash.update(chunk)
            self._rest = memoryview(chunk)
            return
        self._ended = True
        actual = digest_text(self._hash)
        if actual != self._expected:
            raise mismatch(self._key, self._expected, actual)

    def close(self) -> None:
        if not self.closed:
            self._close()
        super().close()


def mismatch(key: str, expected: str, actual: str) -> DataError:
    """The error of a blob whose bytes are not those that were stored."""
    return DataError(
        "DigestMismatch", f"blob {key}: its bytes have digest {actual}, stored was {expected}"
    )


def verified(
    chunks: Iterator[bytes], digest: str, key: str, close: Callable[[], None] = lambda: None
) -> BinaryIO:
    """A readable stream over `chunks` that raises DataError DigestMismatch at its end if they differ."""
    reader = io.BufferedReader(_Verified(chunks, digest, key, close), CHUNK_BYTES)
    return cast("BinaryIO", reader)
