"""The Kafka client's errors as the data plane's: a reason, whether to try again, and no secret. Pure, no I/O.

Used by the Kafka adapter's other modules. The client says of a failed connection only that it failed; why is told to
a callback before: `Causes` keeps it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from confluent_kafka import KafkaError, KafkaException

from forebay_workloads.errors import ConfigError, DataError, RetryableError, StageError, cut
from forebay_workloads.stores.secrets import without

AUTH = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the client's local codes have such names
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.UNSUPPORTED_SASL_MECHANISM,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
}
TLS = {KafkaError._SSL}  # noqa: SLF001
MISSING = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError.TOPIC_EXCEPTION,
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}
GONE = {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}  # noqa: SLF001
NOT_OURS = {  # partitions that this member does not have any more
    KafkaError.UNKNOWN_MEMBER_ID,
    KafkaError.ILLEGAL_GENERATION,
    KafkaError.FENCED_INSTANCE_ID,
    KafkaError._ASSIGNMENT_LOST,  # noqa: SLF001
}
TOO_LARGE = {KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.RECORD_LIST_TOO_LARGE}
REFUSED = {
    KafkaError.INVALID_RECORD,
    KafkaError.POLICY_VIOLATION,
    KafkaError._INVALID_ARG,  # noqa: SLF001
}
THROTTLED = {
    KafkaError._QUEUE_FULL,  # noqa: SLF001
    KafkaError.THROTTLING_QUOTA_EXCEEDED,
    KafkaError.REBALANCE_IN_PROGRESS,
}
PASSING = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
    KafkaError.NETWORK_EXCEPTION,
    KafkaError._TRANSPORT,  # noqa: SLF001
    KafkaError._TIMED_OUT,  # noqa: SLF001
    KafkaError._WAIT_COORD,  # noqa: SLF001
    KafkaError._TIMED_OUT_QUEUE,  # noqa: SLF001
    KafkaError.REBALANCE_IN_PROGRESS,
    KafkaError.UNSTABLE_OFFSET_COMMIT,
    KafkaError.CONCURRENT_TRANSACTIONS,
}
"""What a moment's wait may cure: a new leader, a coordinator that moves, a broker that starts."""

_MEANING: tuple[tuple[set[int], type[StageError], str], ...] = (
    (AUTH, ConfigError, "StoreAuthFailed"),
    (TLS, RetryableError, "CertificateInvalid"),
    (MISSING, ConfigError, "ReferenceMissing"),
    (GONE, DataError, "OffsetOutOfRange"),
    (TOO_LARGE | REFUSED, DataError, "SchemaMismatch"),
    (THROTTLED, RetryableError, "StoreThrottled"),
)


def error_of(error: KafkaError | KafkaException) -> KafkaError:
    """The client's own error inside the exception."""
    return error.args[0] if isinstance(error, KafkaException) else error


def translated(
    error: KafkaError | KafkaException, what: str, secrets: Sequence[str] = ()
) -> StageError:
    """The error of ours that says what happened and whether a retry makes sense."""
    inner = error_of(error)
    text = without(inner.str(), secrets) or inner.name()
    message = f"{what}: {cut(ValueError(text))}"
    for codes, kind, reason in _MEANING:
        if inner.code() in codes:
            return kind(reason, message)
    return RetryableError("StoreUnreachable", message)


def passing(error: KafkaError | KafkaException) -> bool:
    """Whether a moment's wait may cure it."""
    inner = error_of(error)
    return inner.code() in PASSING or inner.retriable()


class Causes:
    """Why connections fail, as the client's threads tell it; a success wipes it out."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: float | None = None
        self._error: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """The client's callback. A refusal says more than the lost connections around it."""
        with self._lock:
            self._since = self._clock() if self._since is None else self._since
            if self._error is None or self._weight(error) >= self._weight(self._error):
                self._error = error

    @staticmethod
    def _weight(error: KafkaError) -> int:
        if error.code() in AUTH | TLS:
            return 2
        return int(error.code() != KafkaError._ALL_BROKERS_DOWN)  # noqa: SLF001

    def well(self) -> None:
        """A broker answered."""
        with self._lock:
            self._since = self._error = None

    def worst(self, after: float = 0.0) -> KafkaError | None:
        """What is wrong, if it has been so for `after` seconds."""
        with self._lock:
            if self._since is None or self._clock() - self._since < after:
                return None
            return self._error

    def refusal(self) -> KafkaError | None:
        """A refusal, which waiting will not cure."""
        found = self.worst()
        return found if found is not None and self._weight(found) > 1 else None
