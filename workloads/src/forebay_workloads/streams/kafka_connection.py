"""One DataStore's Kafka: options, the administrator's calls (topics, offsets), and errors in our words.

Used by kafka.py and its other parts. Connects at the first use; threads share it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import Any, TypeVar

from confluent_kafka import (
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka import admin as kafka_admin
from confluent_kafka.admin import AdminClient

from forebay_workloads.contract import StoreRef, mounted
from forebay_workloads.errors import ConfigError, RetryableError, StageError
from forebay_workloads.stores.secrets import read_secret
from forebay_workloads.streams import kafka_errors, kafka_tls
from forebay_workloads.streams.kafka_settings import Options, hidden, options

Place = tuple[str, int]
"""Topic and partition."""

CALL_SECONDS = 10.0  # for one answer
PATIENCE = 20.0  # seconds in which a passing failure is tried again; then it is the stage's turn
MEETING = 8.0  # the same for a broker that never answered us
LOOK_SECONDS = 2.0  # for an answer that nobody waits for
PAUSE = 0.2  # between two tries
MADE_SECONDS = 2.0  # until all brokers know of a topic that was just made
WATCH = 0.1  # between two looks for a refusal while an answer is awaited

_T = TypeVar("_T")
_SPEC: Any = vars(kafka_admin)["OffsetSpec"]  # its stubs forget these two
_RESOURCE: Any = vars(kafka_admin)["ConfigResource"]


@dataclass(frozen=True)
class Topic:
    """A topic as the broker describes it. One that was deleted and made again has another id."""

    name: str
    id: str
    partitions: int

    def places(self) -> list[Place]:
        """All of its partitions."""
        return [(self.name, number) for number in range(self.partitions)]


class Connection:
    """What is known of the broker, and the calls that belong to no consumer or producer."""

    def __init__(self, ref: StoreRef) -> None:
        secret = read_secret(ref)
        folder = mounted(ref.secrets) if ref.secrets else None
        self.name = ref.name
        self.settings = ref.settings
        self.secret = secret
        self.options: Options = options(ref, secret, folder)
        self.secrets = hidden(secret)
        self.where = f"Kafka {self.options['bootstrap.servers']}"
        self._lock = threading.Lock()
        self._admin: AdminClient | None = None
        self.causes = kafka_errors.Causes()
        self._met = False  # whether it ever answered
        self._closed = False

    def client(self, causes: kafka_errors.Causes, **more: Any) -> dict[str, Any]:
        """Options of a new client that tells `causes` of failed connections. It writes no log of its own."""
        if self._closed:
            raise ConfigError("StoreUnreachable", f"{self.where}: the stream is closed")
        return {
            **self.options,
            "log_level": 2,
            "error_cb": causes,
            "reconnect.backoff.max.ms": 2_000,  # a broker that comes back is met soon
            **more,
        }

    @property
    def admin(self) -> AdminClient:
        """The administrator's client; the first use makes it."""
        with self._lock:
            if self._admin is None:
                with self.speak("cannot be used"):
                    self._admin = AdminClient(self.client(self.causes))
            return self._admin

    def speak(self, what: str) -> _Speaking:
        """`with connection.speak("what"):` around calls of the client."""
        return _Speaking(self, what)

    def translated(
        self,
        error: KafkaError | KafkaException,
        what: str,
        causes: kafka_errors.Causes | None = None,
    ) -> StageError:
        """The client's error as ours; a lost connection is told with its cause."""
        cause = (causes or self.causes).worst()
        inner = kafka_errors.error_of(error)
        if cause is not None and (inner.code() in kafka_errors.PASSING or inner.retriable()):
            inner = cause
        told = kafka_errors.translated(inner, f"{self.where}: {what}", self.secrets)
        if told.reason == "CertificateInvalid":
            servers = str(self.options["bootstrap.servers"]).split(",")
            words = next(filter(None, (kafka_tls.why(one, self.options) for one in servers)), None)
            if words:
                message = f"{self.where}: {what}: the server's certificate is not trusted: {words}"
                return RetryableError("CertificateInvalid", message)
        return told

    def patiently(
        self, what: str, call: Callable[[], _T], causes: kafka_errors.Causes | None = None
    ) -> _T:
        """The call's answer; what a moment's wait may cure is tried again, a refusal is not."""
        causes = causes or self.causes
        end = time.monotonic() + (PATIENCE if self._met else MEETING)
        while True:
            try:
                answer = call()
            except KafkaException as error:
                self.admin.poll(0)
                hopeless = not kafka_errors.passing(error) or causes.refusal() is not None
                if hopeless or time.monotonic() + PAUSE > end:
                    raise self.translated(error, what, causes) from error
                time.sleep(PAUSE)
            else:
                causes.well()
                self._met = True
                return answer

    def _settled(self, asked: dict[Any, Future[Any]]) -> dict[Any, Future[Any]]:
        """Waits for all answers; a refusal of our login or their certificate ends the wait."""
        for answer in asked.values():
            while not answer.done():
                wait([answer], timeout=WATCH)
                self.admin.poll(0)
                refusal = self.causes.refusal()
                if refusal is not None and not answer.done():
                    raise KafkaException(refusal)
        return asked

    def cluster(self) -> Any:
        """What the broker says of its cluster: `cluster_id`, `nodes`."""

        def ask() -> Any:
            asked = {"cluster": self.admin.describe_cluster(request_timeout=CALL_SECONDS)}
            return self._settled(asked)["cluster"].result()

        return self.patiently("cannot be reached", ask)

    # topics

    def topic(self, name: str) -> Topic:
        """The topic; ConfigError ReferenceMissing when there is none."""
        return self.topics([name])[name]

    def topics(self, names: Sequence[str]) -> dict[str, Topic]:
        """The topics of these names; ConfigError ReferenceMissing names one that is not there."""
        end = time.monotonic() + MADE_SECONDS
        while True:
            try:
                return self.patiently("cannot look at topics", lambda: self._described(names))
            except ConfigError as error:
                if error.reason != "ReferenceMissing" or time.monotonic() > end:
                    raise
                time.sleep(PAUSE)

    def look(self, names: Sequence[str]) -> dict[str, Topic] | None:
        """The topics as they are now; None when the broker does not say at once."""
        try:
            return self._described(names, LOOK_SECONDS)
        except KafkaException:
            return None

    def _described(self, names: Sequence[str], seconds: float = MEETING) -> dict[str, Topic]:
        asked = self.admin.describe_topics(TopicCollection(list(names)), request_timeout=seconds)
        found = {}
        for name, answer in self._settled(asked).items():
            try:
                seen = answer.result()
            except KafkaException as error:
                if kafka_errors.error_of(error).code() in kafka_errors.MISSING:
                    raise self.missing(name) from error
                raise
            found[name] = Topic(name, str(seen.topic_id), len(seen.partitions))
        return found

    def missing(self, name: str) -> ConfigError:
        """The error of a topic that is not there; it names some that are."""
        try:
            known = sorted(self.admin.list_topics(timeout=CALL_SECONDS).topics)
        except KafkaException:
            known = []
        others = [one for one in known if not one.startswith("__")]
        more = f" (there are: {', '.join(others[:20])})" if others else ""
        return ConfigError("ReferenceMissing", f"{self.where}: there is no topic {name!r}{more}")

    def compacted(self, topic: str) -> bool:
        """Whether the broker drops records for a newer one of their key; true when it does not tell us."""
        resource = _RESOURCE(_RESOURCE.Type.TOPIC, topic)
        try:
            asked = self.admin.describe_configs([resource], request_timeout=CALL_SECONDS)
            found = self._settled(asked)[resource].result()
        except KafkaException:
            return True
        return "compact" in found["cleanup.policy"].value

    # offsets

    def ends(self, places: Iterable[Place]) -> dict[Place, int]:
        """After the last record that a reader may see: of open transactions none."""
        return self._offsets(places, _SPEC.latest())

    def starts(self, places: Iterable[Place]) -> dict[Place, int]:
        """The first record that is still there."""
        return self._offsets(places, _SPEC.earliest())

    def _offsets(self, places: Iterable[Place], spec: Any) -> dict[Place, int]:
        wanted = {TopicPartition(*place): spec for place in places}

        def ask() -> dict[Place, int]:
            answers = self.admin.list_offsets(
                wanted,
                isolation_level=IsolationLevel.READ_COMMITTED,
                request_timeout=CALL_SECONDS,
            )
            return {
                (at.topic, at.partition): one.result().offset
                for at, one in self._settled(answers).items()
            }

        return self.patiently("cannot read offsets", ask) if wanted else {}

    def close(self) -> None:
        """No client is made any more; may be called twice."""
        self._closed = True
        with self._lock:
            self._admin = None


class _Speaking:
    """Turns the client's errors into ours at the end of a `with`."""

    def __init__(self, connection: Connection, what: str) -> None:
        self._connection, self._what = connection, what

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        if isinstance(error, KafkaException):
            raise self._connection.translated(error, self._what) from error
