"""Whether a failed connection is about certificates, and what is wrong with them. Pure.

Used by the adapters' errors. The drivers wrap what TLS says of it, some in an error of their own that forgets the
words: so the whole chain of an error is looked at.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator

from forebay_workloads.errors import ConfigError, RetryableError, StageError

_WORDS = (
    re.compile(r"certificate verify failed: (.+?)\.?(?: \(_ssl\.c:\d+\)|$)", re.DOTALL),
    re.compile(r"(hostname '[^']*' doesn't match .+)"),  # urllib3 compares names itself
)
_REFUSED = re.compile(r"alert[ _](bad[ _]certificate|certificate|unknown[ _]ca)", re.IGNORECASE)


def tls_error(error: BaseException, what: str) -> StageError | None:
    """The error of ours for a certificate that one of the two sides refused; None for any other cause."""
    for one in _chain(error):
        words = _distrust(one)
        if words:
            message = f"{what}: the server's certificate is not trusted: {words}"
            return RetryableError("CertificateInvalid", message)
        if _REFUSED.search(str(one)):
            return ConfigError(
                "StoreAuthFailed",
                f"{what}: the server refuses the client's certificate, or wants one",
            )
    return None


def _distrust(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message.rstrip(".")
    text = str(error)
    found = next(filter(None, (words.search(text) for words in _WORDS)), None)
    return found.group(1) if found else None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that it was raised for."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__
