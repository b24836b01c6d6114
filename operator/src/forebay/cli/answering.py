"""Whether a served model answers where its status says. Called by `follow.py` before it calls a model ready.

A status may be older than what runs now (after `forebay down`, or a crash); a real request is not.
"""

from __future__ import annotations

import asyncio
import http.client
import urllib.request

PATH = "/v2/health/ready"
TIMEOUT = 2.0  # seconds
_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({})
)  # our own machine: no proxy between


async def answers(url: str) -> bool:
    """Whether the model's own health endpoint says that it is ready."""
    return await asyncio.to_thread(_asked, url)


def _asked(url: str) -> bool:
    if not url.startswith("http://"):
        return False
    try:
        with _OPENER.open(url + PATH, timeout=TIMEOUT) as answer:
            return int(answer.status) == 200  # noqa: PLR2004 - OK
    except (OSError, http.client.HTTPException):
        return False  # nobody listens, or not yet ready: asked again
