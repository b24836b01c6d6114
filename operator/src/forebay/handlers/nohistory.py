"""kopf without its memory of what objects looked like: we decide by what is, so nothing is to be kept or compared.

Set by options.py. kopf's own storages copy every object of every event three times, for handlers that we do not have;
and they would write annotations.
"""

from __future__ import annotations

from typing import Any

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Nothing was handled before, and nothing is kept of now."""

    def build(self, **_: Any) -> Any:
        """What is compared: nothing."""
        return {}

    def fetch(self, **_: Any) -> None:
        """What was kept: nothing."""

    def store(self, **_: Any) -> None:
        """Keeps nothing."""


class NoProgress(kopf.ProgressStorage):
    """No handler of ours goes on where it stopped."""

    def fetch(self, **_: Any) -> None:
        """What was kept: nothing."""

    def store(self, **_: Any) -> None:
        """Keeps nothing."""

    def purge(self, **_: Any) -> None:
        """Has nothing to forget."""

    def touch(self, **_: Any) -> None:
        """Touches nothing."""

    def clear(self, *, essence: Any) -> Any:
        """Has nothing to take away."""
        return essence
