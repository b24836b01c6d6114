"""Where the harness keeps things: what is built once per user, and the state of one cluster."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent


def cache(*parts: str) -> Path:
    """A folder below the user's cache folder; made when it is missing."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(base, "forebay", *parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def state() -> Path:
    """The cluster's state folder: CLUSTER_DIR, else `.cluster` of this checkout. Not made here."""
    return Path(os.environ.get("CLUSTER_DIR") or ROOT / ".cluster").absolute()
