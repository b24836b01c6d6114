"""The gateway's errors as the data plane's: a reason, and whether to try again.

Used by `hbase_connection.py`, through which every call goes. Pure, no I/O. The gateway passes on the Java exception of
HBase as text; the name of its class is all that says what it is.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

import happybase
from thriftpy2.thrift import TException
from thriftpy2.transport import TTransportException

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.certificates import tls_error

idl: Any = importlib.import_module(
    "Hbase_thrift"
)  # which happybase makes of HBase's own description
__all__ = ["CLIENT_ERRORS", "happybase", "idl", "is_broken", "said", "translated"]

CLIENT_ERRORS = (TException, OSError, EOFError)
_MEANING: tuple[tuple[str, type[StageError], str], ...] = (
    (r"AccessDenied|AccessControl|SaslException|FailedLogin", ConfigError, "StoreAuthFailed"),
    (r"TableNotFound|NamespaceNotFound", ConfigError, "ReferenceMissing"),
    (
        r"RegionTooBusy|CallQueueTooBig|Throttling|QuotaExceeded|CallTimeout|CallDropped",
        RetryableError,
        "StoreThrottled",
    ),
    (
        r"NoSuchColumnFamily|IllegalArgument|DoNotRetryIOException: (Cell|KeyValue)|KeyValue size",
        DataError,
        "SchemaMismatch",
    ),
)


def is_broken(error: BaseException) -> bool:
    """Whether the connection is of no more use."""
    return not isinstance(error, idl.IOError | idl.IllegalArgument | idl.AlreadyExists)


def said(error: BaseException) -> str:
    """What it says, in one line and without the stack of Java."""
    text = getattr(error, "message", None) or str(error)
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return str(text).split("\n")[0] or type(error).__name__


def translated(error: BaseException, what: str) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    text = getattr(error, "message", None) or str(error)
    text = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
    message = f"{what}: {cut(ValueError(said(error)))}"
    if isinstance(error, idl.IllegalArgument):
        return DataError("SchemaMismatch", message)
    for pattern, kind, reason in _MEANING:
        if isinstance(error, idl.IOError) and re.search(pattern, text):
            return kind(reason, message)
    if isinstance(error, TException) and not isinstance(
        error, TTransportException | idl.IOError | idl.AlreadyExists
    ):
        return ConfigError("FieldNotSupportedInMode", f"{message} (is that HBase's Thrift server?)")
    return tls_error(error, what) or RetryableError("StoreUnreachable", message)
