"""What a real API server answers, as our errors. Called by cluster.py and cluster_watch.py only.

Bodies are Status objects, or text from a proxy in between. Messages are cut: a refused Job template prints the
whole pod.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from forebay.errors import (
    AlreadyExists,
    Cause,
    Conflict,
    Forbidden,
    Invalid,
    KubeError,
    NotFound,
    Terminating,
    Unavailable,
)

GONE = 410  # the resourceVersion is too old to watch from
_TYPED_PATCH = (
    "failed to create typed patch object"  # a 500 that means: the object has an unknown field
)
_CAUSES = 16
_CAUSE_LENGTH = 256
_BY_CODE: dict[int, type[KubeError]] = {
    400: Invalid,
    401: Forbidden,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: Invalid,
    422: Invalid,
    429: Unavailable,
}
_SERVER_ERROR = 500
_LONGEST_WAIT = 60.0  # seconds that a Retry-After may ask for
_NAMESPACE_GOES = "NamespaceTerminating"  # reason of a cause, since Kubernetes 1.16


def error(code: int, body: str, retry_after: str = "") -> KubeError:
    """The error for an answer with HTTP status `code`, this body and this header."""
    status = _status(body)
    reason = str(status.get("reason") or code)
    message = str(status.get("message") or body.strip() or f"the API server answered {code}")
    which = _class(code, reason, message)
    if _NAMESPACE_GOES in {cause.get("reason") for cause in _details(status)}:
        which = Terminating
    made = which(code, reason, message, tuple(_causes(status)))
    if retry_after.isdecimal():  # else a date, which the API server never sends
        made.wait = min(float(retry_after), _LONGEST_WAIT)
    return made


def _class(code: int, reason: str, message: str) -> type[KubeError]:
    if code >= _SERVER_ERROR:
        return Invalid if _TYPED_PATCH in message else Unavailable
    if reason == "AlreadyExists":
        return AlreadyExists
    return _BY_CODE.get(code, KubeError)


def _status(body: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:  # a proxy's page, or plain text such as «404 page not found»
        return {}
    return found if isinstance(found, dict) else {}


def _details(status: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (status.get("details") or {}).get("causes") or []
    return found


def _causes(status: dict[str, Any]) -> Iterable[Cause]:
    for cause in _details(status)[:_CAUSES]:
        message = str(cause.get("message", ""))
        if len(message) > _CAUSE_LENGTH:
            message = message[: _CAUSE_LENGTH - 1] + "…"
        yield Cause(str(cause.get("field", "")), message)
