"""Names of child objects: computed, never random, so that a repeated create collides instead of doubling.

Every child builder calls this. A name is at most 63 characters and a DNS label, because names become
label values and Service names. It knows no kinds.
"""

from __future__ import annotations

import base64
import hashlib
import re

LIMIT = 63
_HASH = (
    10  # base32 characters: 50 bits, no collision to be feared among 10^5 names with one beginning
)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_LABEL_VALUE = re.compile(r"[A-Za-z0-9]([-_.A-Za-z0-9]*[A-Za-z0-9])?")


def short_hash(*parts: str, length: int = _HASH) -> str:
    """`length` characters of [a-z2-7] that depend on every part and on where the parts end."""
    text = "\0".join(parts).encode()
    return base64.b32encode(hashlib.sha256(text).digest()).decode().lower()[:length]


def hex_hash(*parts: str, length: int = 8) -> str:
    """The same in hexadecimal digits, as used in the names of runs."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:length]


def child_name(*parts: str, limit: int = LIMIT) -> str:
    """The parts joined by dashes; where that is too long or no DNS label, cut and ended by a hash.

    Equal parts give equal names. A name that was changed always carries the hash of what it was.
    """
    plain = "-".join(parts)
    if len(plain) <= limit and _LABEL.fullmatch(plain):
        return plain
    clean = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    prefix = clean[: limit - _HASH - 1].rstrip("-") or "x"
    return f"{prefix}-{short_hash(*parts)}"


def run_name(pipeline: str, uid: str, key: str) -> str:
    """The name of the run that the trigger `key` of the pipeline with `uid` asks for."""
    return child_name(pipeline, hex_hash(uid, key))


def label_value(text: str) -> str:
    """`text` where it may be a label's value, else a hashed name that stands for it."""
    if len(text) <= LIMIT and _LABEL_VALUE.fullmatch(text):
        return text
    return child_name(text)
