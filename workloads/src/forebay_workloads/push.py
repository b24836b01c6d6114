"""Posts progress to a URL: over TLS with the pod's own token, never through a proxy, never elsewhere.

Used by progress.py only, in its thread. Every error is one that progress.py swallows; a failure is followed by a
growing pause in which nothing is tried, so that an endpoint that is away costs a stage nothing.
"""

from __future__ import annotations

import ssl
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from forebay_workloads.contract import PROGRESS_CA, PROGRESS_TOKEN, mounted

POST_TIMEOUT = 2.0  # seconds for one post
PAUSES = (1.0, 5.0, 15.0, 60.0)  # seconds without a try after a failure; the last one for ever


class Skipped(OSError):  # noqa: N818 - not a fault: it is too early for another try
    """Nothing was sent."""


class Poster:
    """Posts to one URL. The token is read each time, for the kubelet renews it; the CA stays."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._clock = clock
        self._secure = urllib.parse.urlsplit(url).scheme == "https"
        self._opener: urllib.request.OpenerDirector | None = None
        self._failures = 0
        self._not_before = 0.0

    def __call__(self, line: str) -> None:
        """Sends one report. Raises OSError or http.client.HTTPException."""
        if self._clock() < self._not_before:
            raise Skipped("waiting before the next try")
        try:
            self._post(line)
        except Exception:
            pause = PAUSES[min(self._failures, len(PAUSES) - 1)]
            self._failures += 1
            self._not_before = self._clock() + pause
            raise
        self._failures = 0

    def _post(self, line: str) -> None:
        headers = {"Content-Type": "application/json"}
        token = mounted(PROGRESS_TOKEN)
        if self._secure and token.exists():
            headers["Authorization"] = f"Bearer {token.read_text(encoding='ascii').strip()}"
        # The address comes from the pod template, not from a user; `progress.sender` holds it to http(s).
        request = urllib.request.Request(  # noqa: S310 - see above
            self._url, data=line.encode(), headers=headers, method="POST"
        )
        if self._opener is None:
            self._opener = _opener(mounted(PROGRESS_CA))
        with self._opener.open(request, timeout=POST_TIMEOUT):
            pass


def _opener(ca: Path) -> urllib.request.OpenerDirector:
    """Without a proxy, and without following a redirect: a token must not travel."""
    opener = urllib.request.OpenerDirector()
    context = ssl.create_default_context(cafile=str(ca) if ca.exists() else None)
    for handler in (
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(context=context),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
    ):
        opener.add_handler(handler)
    return opener
