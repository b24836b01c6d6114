"""Waiting for a state of the cluster, with a message that says what was seen instead."""

import time
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


def until(look: Callable[[], T], seconds: float, what: str, seen: Callable[[], Any] = str) -> T:
    """The first true thing that `look` returns; AssertionError after `seconds` names `what` and `seen()`."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}; instead {found!r} {seen()}")
        time.sleep(0.25)


def stays(look: Callable[[], Any], seconds: float, what: str) -> None:
    """Fails when `look` is false at any time in the next `seconds`."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert look(), f"did not stay so for {seconds} s: {what}"
        time.sleep(0.5)


def condition(obj: dict[str, Any] | None, kind: str = "Ready") -> dict[str, Any]:
    """A condition of an object; {} when it has none."""
    entries = ((obj or {}).get("status") or {}).get("conditions") or []
    return next((c for c in entries if c["type"] == kind), {})
