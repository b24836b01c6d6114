"""The data plane's errors. Adapters wrap third-party errors here once, chained, cut to 256 characters.

    StageError            reason, exit code
    ├── ConfigError       78: the spec is wrong (ReferenceMissing, SchemaMismatch, FieldNotSupportedInMode …)
    ├── DataError         65: the data is wrong (EmptyDataset, SchemaMismatch, NonFiniteLoss, DigestMismatch …)
    ├── RetryableError    75: a dependency is down (StoreUnreachable, StoreThrottled …)
    └── PeerLost          76: another process of the same training is gone; this one did nothing wrong

`reason` is one of the API's reason words (docs/reference, forebay.api.reasons); the message names what
is wrong, where (file, row, column, field path) and what would cure it. No secret may be in it.
"""

from __future__ import annotations

import errno

from forebay_workloads.contract import EXIT_CONFIG, EXIT_DATA, EXIT_PEER, EXIT_RETRY

MESSAGE_LIMIT = 1024  # characters; conditions and events carry messages, they are no logs
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the disk, the quota, the limit of one file


class StageError(Exception):
    """Ends a stage with a reason that shows in status, and an exit code that says whether to retry."""

    exit_code = EXIT_DATA

    def __init__(self, reason: str, message: str) -> None:
        self.reason = reason
        self.message = (
            message if len(message) <= MESSAGE_LIMIT else message[: MESSAGE_LIMIT - 1] + "…"
        )
        super().__init__(f"{reason}: {self.message}")


class ConfigError(StageError):
    """The spec cannot work as written; trying again would read the same spec."""

    exit_code = EXIT_CONFIG


class DataError(StageError):
    """The data cannot be used; trying again would read the same data."""

    exit_code = EXIT_DATA


class RetryableError(StageError):
    """Something this stage depends on is down or busy; worth a retry with back-off."""

    exit_code = EXIT_RETRY


class PeerLost(StageError):  # noqa: N818 - an outcome, like Preempted
    """Another process of the same training is gone: all begin again together. Counted for nobody."""

    exit_code = EXIT_PEER


def cut(error: BaseException, limit: int = 256) -> str:
    """A third-party error as one short line, so that no bulk data reaches status or logs."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= limit else text[: limit - 1] + "…"
