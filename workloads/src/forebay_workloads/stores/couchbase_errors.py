"""The driver's errors as the data plane's: a reason, whether to try again, and no secret.

Used by the Couchbase adapter's other modules. Pure, no I/O. The driver's own text of an error may hold a document's key
and a query's parameters, so only its first words are told.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from couchbase import exceptions as said

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.secrets import without

CouchbaseError: type[Exception] = said.CouchbaseException
MISSING: type[Exception] = said.DocumentNotFoundException
EXISTS: type[Exception] = said.DocumentExistsException
CHANGED: type[Exception] = said.CasMismatchException
ALREADY: tuple[type[Exception], ...] = (
    said.ScopeAlreadyExistsException,
    said.CollectionAlreadyExistsException,
)
TOO_LARGE = 104  # the code of a value beyond the server's limit; the driver has no class for it
# No index to find documents by, and keyspaces that the query service does not know.
UNQUERIED = {4000, 12003, 12004, 12006, 12020, 12021}
_NOTHING = "peration failed"  # what the driver says where it has nothing to say

_MEANING: tuple[tuple[tuple[type[Exception], ...], type[StageError], str], ...] = (
    ((said.AuthenticationException,), ConfigError, "StoreAuthFailed"),
    (
        (
            said.BucketNotFoundException,
            said.BucketDoesNotExistException,
            said.ScopeNotFoundException,
            said.CollectionNotFoundException,
            said.KeyspaceNotFoundException,
        ),
        ConfigError,
        "ReferenceMissing",
    ),
    (
        (
            said.FeatureUnavailableException,
            said.UnsupportedOperation,
            said.QueryIndexNotFoundException,
            said.ParsingFailedException,
        ),
        ConfigError,
        "FieldNotSupportedInMode",
    ),
    (
        (
            said.TemporaryFailException,
            said.DocumentLockedException,
            said.RateLimitedException,
            said.QuotaLimitedException,
            said.DurabilitySyncWriteInProgressException,
        ),
        RetryableError,
        "StoreThrottled",
    ),
    (
        (
            said.InvalidArgumentException,
            said.InvalidValueException,
            said.DocumentNotJsonException,
            said.NumberTooBigException,
            said.PathInvalidException,
            said.PathMismatchException,
            said.PathTooBigException,
            said.PathTooDeepException,
            said.ValueTooDeepException,
            said.ValueFormatException,
        ),
        DataError,
        "SchemaMismatch",
    ),
)


@contextmanager
def spoken(what: str, secrets: Sequence[str] = ()) -> Iterator[None]:
    """Turns an error of the driver into one of ours that begins with `what`."""
    try:
        yield
    except CouchbaseError as error:
        raise translated(error, what, secrets) from error


def translated(error: BaseException, what: str, secrets: Sequence[str] = ()) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    message = f"{what}: {cut(ValueError(without(words(error), secrets)))}"
    if code_of(error) == TOO_LARGE:
        return DataError("SchemaMismatch", message)
    if _of_query(error) in UNQUERIED:
        return ConfigError("FieldNotSupportedInMode", message)
    for kinds, of, reason in _MEANING:
        if isinstance(error, kinds):
            return of(reason, message)
    return RetryableError("StoreUnreachable", message)  # time-outs, lost connections, the unknown


def words(error: BaseException) -> str:
    """What it says, without the driver's context."""
    kind = type(error).__name__.removesuffix("Exception")
    parts = [f"error {code_of(error)}" if type(error) is CouchbaseError else kind]
    text = str(getattr(error, "message", None) or "")
    first: Any = getattr(getattr(error, "error_context", None), "first_error_message", None)
    parts += [one for one in (text, str(first or "")) if one and not one.endswith(_NOTHING)]
    return ": ".join(parts)


def _of_query(error: BaseException) -> int:
    """The first error that the query service numbered; 0 for errors of others."""
    context: Any = getattr(error, "error_context", None)
    return int(getattr(context, "first_error_code", None) or 0)


def code_of(error: BaseException) -> int:
    """The driver's number of an error; 0 where it has none."""
    return int(getattr(error, "error_code", None) or 0)
