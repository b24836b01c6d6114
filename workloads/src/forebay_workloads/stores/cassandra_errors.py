"""The driver's errors as the data plane's: a reason, whether to try again, and no secret.

Used by the Cassandra adapter's other modules: every call of the driver stands in a `with spoken(…)`.
Pure, no I/O.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import cassandra
from cassandra import connection, protocol
from cassandra.cluster import NoHostAvailable

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.certificates import tls_error
from forebay_workloads.stores.secrets import without

DRIVER_ERRORS = (
    cassandra.DriverException,
    protocol.ErrorMessage,
    protocol.NotSupportedError,
    NoHostAvailable,
    connection.ConnectionException,
    connection.ConnectionBusy,
    connection.ProtocolError,
    OSError,
)
_AUTH = (
    cassandra.AuthenticationFailed,
    cassandra.Unauthorized,
    protocol.UnauthorizedErrorMessage,
    protocol.BadCredentials,
)
_THROTTLED = (
    cassandra.ReadTimeout,
    cassandra.WriteTimeout,
    protocol.OverloadedErrorMessage,
    connection.ConnectionBusy,
)
_REFUSED = (
    cassandra.InvalidRequest,
    protocol.InvalidRequestException,
    protocol.SyntaxException,
    protocol.ConfigurationException,
    cassandra.ConfigurationException,
)
_UNSUPPORTED = (cassandra.UnsupportedOperation, protocol.NotSupportedError)
_MISSING = re.compile(
    r"unconfigured table|(table|keyspace) \S+ does not exist|unknown keyspace|non.?existing keyspace",
    re.IGNORECASE,
)


@contextmanager
def spoken(what: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turns an error of the driver into one of ours that begins with `what`."""
    try:
        yield
    except DRIVER_ERRORS as error:
        raise translated(error, what, secrets) from error


def translated(error: Exception, what: str, secrets: Sequence[str] = ()) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    text = without(str(error), secrets) or type(error).__name__
    if isinstance(error, cassandra.UnresolvableContactPoints):  # it says «{}»
        text = "no name server knows an address for any of its hosts"
    message = f"{what}: {cut(ValueError(text))}"
    causes = roots(error)
    if any(isinstance(cause, _AUTH) for cause in causes):
        return ConfigError("StoreAuthFailed", message)
    if any(isinstance(cause, _UNSUPPORTED) for cause in causes):
        return ConfigError("FieldNotSupportedInMode", message)
    if isinstance(error, _REFUSED):
        missing = _MISSING.search(text)
        kind, reason = (
            (ConfigError, "ReferenceMissing") if missing else (DataError, "SchemaMismatch")
        )
        return kind(reason, message)
    if causes and all(isinstance(cause, _THROTTLED) for cause in causes):
        return RetryableError("StoreThrottled", message)
    untrusted = filter(None, (tls_error(cause, what) for cause in causes))
    return next(untrusted, RetryableError("StoreUnreachable", message))


def roots(error: Exception) -> list[Exception]:
    """The error itself, or what each node said when none of them answered."""
    if isinstance(error, NoHostAvailable) and isinstance(error.errors, dict):
        return [cause for cause in error.errors.values() if isinstance(cause, Exception)]
    return [error]


def passing(error: Exception) -> bool:
    """Whether the same idempotent statement may be tried again: its outcome is unknown or nobody took it."""
    return isinstance(translated(error, ""), RetryableError)


def refused(error: Exception) -> bool:
    """Whether the server read the statement and refused its values or names."""
    return isinstance(error, _REFUSED)


def late(error: Exception) -> bool:
    """Whether the error says that the caller's own deadline is over."""
    return isinstance(error, cassandra.OperationTimedOut)
