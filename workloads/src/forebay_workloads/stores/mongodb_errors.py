"""The driver's errors as the data plane's: a reason, whether to try again, and no secret.

Used by the MongoDB adapter's other modules: every call of the driver stands in a `with spoken(…)`.
Pure, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from bson.errors import BSONError
from pymongo import errors

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.certificates import tls_error
from forebay_workloads.stores.secrets import without

AUTH = {11, 13, 18, 33, 8000}  # UserNotFound, Unauthorized, AuthenticationFailed …, AtlasError
THROTTLED = {24, 50, 112, 146, 202, 429, 462, 16500}  # locks, time, memory, requests for a rate
DEADLINE = {50, 202, 262}  # MaxTimeMSExpired, NetworkInterfaceExceededTimeLimit, ExceededTimeLimit
EXPIRED = {239, 246}  # SnapshotTooOld, SnapshotUnavailable
CURSOR_LOST = {43, 237}  # CursorNotFound, CursorKilled
DISK_FULL = {14031}
MISSING = {26}
# The node steps down, shuts down or has no primary: the driver tries once more, then it is the stage's turn.
DOWN = {
    6,
    7,
    63,
    64,
    79,
    89,
    91,
    133,
    134,
    189,
    234,
    9001,
    10058,
    10107,
    11600,
    11602,
    13388,
    13435,
    13436,
}
_MEANING: tuple[tuple[set[int], type[StageError], str], ...] = (
    (AUTH, ConfigError, "StoreAuthFailed"),
    (EXPIRED, DataError, "SnapshotExpired"),
    (THROTTLED | DEADLINE, RetryableError, "StoreThrottled"),
    (DISK_FULL, RetryableError, "DiskFull"),
    (MISSING, ConfigError, "ReferenceMissing"),
    (DOWN | CURSOR_LOST, RetryableError, "StoreUnreachable"),
)

_CHATTER = re.compile(
    r" \(configured timeouts: [^)]*\)|, Timeout: .*$", re.DOTALL
)  # the driver's own settings


@contextmanager
def spoken(what: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turns an error of the driver into one of ours that begins with `what`."""
    try:
        yield
    except (errors.PyMongoError, BSONError) as error:
        raise translated(error, what, secrets) from error


def translated(error: Exception, what: str, secrets: Sequence[str] = ()) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    text = _CHATTER.sub("", without(_said(error), secrets)) or type(error).__name__
    message = f"{what}: {cut(ValueError(text))}"
    if isinstance(error, errors.OperationFailure):
        return _of_server(error, message)
    if isinstance(error, errors.WaitQueueTimeoutError):
        return RetryableError("StoreThrottled", message)
    if isinstance(error, errors.ConnectionFailure):
        return tls_error(error, what) or RetryableError("StoreUnreachable", message)
    if isinstance(error, errors.ConfigurationError):
        return ConfigError("FieldNotSupportedInMode", message)
    return DataError("SchemaMismatch", message)  # what cannot be encoded or decoded


def _said(error: Exception) -> str:
    """The server's sentence and its name for it; the driver adds the whole answer, which helps nobody."""
    details = error.details if isinstance(error, errors.OperationFailure) else None
    if not details or not details.get("errmsg"):
        return str(error)
    name = details.get("codeName")
    return f"{details['errmsg']} ({name})" if name else str(details["errmsg"])


def _of_server(error: errors.OperationFailure, message: str) -> StageError:
    for codes, kind, reason in _MEANING:
        if error.code in codes:
            return kind(reason, message)
    retry = any(map(error.has_error_label, ("RetryableWriteError", "TransientTransactionError")))
    if retry or isinstance(error, errors.WTimeoutError):
        return RetryableError("StoreUnreachable", message)
    return DataError("SchemaMismatch", message)


def late(error: errors.PyMongoError) -> bool:
    """Whether the error says that the caller's own deadline is over."""
    return error.timeout or (isinstance(error, errors.OperationFailure) and error.code in DEADLINE)


def passing(error: errors.PyMongoError) -> bool:
    """Whether a scan may go on from where it was with a new cursor."""
    if isinstance(error, errors.OperationFailure):
        return error.code in DOWN or error.code in CURSOR_LOST or error.code in THROTTLED
    return isinstance(error, errors.ConnectionFailure)
