"""What the Kafka client says becomes a reason; what is hidden stays so."""

import pytest
from confluent_kafka import KafkaError, KafkaException

from forebay_workloads.errors import ConfigError, DataError, RetryableError
from forebay_workloads.streams.kafka_errors import Causes, passing, translated


def error(name, text="what it said"):
    return KafkaError(getattr(KafkaError, name), text)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.mark.parametrize(
    ("name", "kind", "reason"),
    [
        ("_AUTHENTICATION", ConfigError, "StoreAuthFailed"),
        ("SASL_AUTHENTICATION_FAILED", ConfigError, "StoreAuthFailed"),
        ("TOPIC_AUTHORIZATION_FAILED", ConfigError, "StoreAuthFailed"),
        ("GROUP_AUTHORIZATION_FAILED", ConfigError, "StoreAuthFailed"),
        ("_SSL", RetryableError, "CertificateInvalid"),
        ("UNKNOWN_TOPIC_OR_PART", ConfigError, "ReferenceMissing"),
        ("_AUTO_OFFSET_RESET", DataError, "OffsetOutOfRange"),
        ("MSG_SIZE_TOO_LARGE", DataError, "SchemaMismatch"),
        ("_QUEUE_FULL", RetryableError, "StoreThrottled"),
        ("_TRANSPORT", RetryableError, "StoreUnreachable"),
        ("_ALL_BROKERS_DOWN", RetryableError, "StoreUnreachable"),
        ("UNKNOWN", RetryableError, "StoreUnreachable"),
    ],
)
def test_each_error_has_its_reason(name, kind, reason):
    for one in (error(name), KafkaException(error(name))):
        told = translated(one, "here")
        assert type(told) is kind
        assert (told.reason, told.message) == (reason, "here: what it said")


def test_S05_a_secret_is_struck_out_before_the_message_is_cut():
    text = "x" * 250 + "hunter2hunter2"
    told = translated(error("_TRANSPORT", text), "here", ("hunter2hunter2",))
    assert "hunter" not in told.message


def test_a_refusal_is_not_passing_and_a_moving_leader_is():
    assert passing(error("NOT_LEADER_FOR_PARTITION"))
    assert passing(error("_TRANSPORT"))
    assert not passing(error("_AUTHENTICATION"))
    assert not passing(error("TOPIC_AUTHORIZATION_FAILED"))


def test_a_refusal_says_more_than_the_lost_connections_around_it():
    causes = Causes(Clock())
    for name in ("_TRANSPORT", "_AUTHENTICATION", "_ALL_BROKERS_DOWN", "_TRANSPORT"):
        causes(error(name))
    assert causes.worst().name() == causes.refusal().name() == "_AUTHENTICATION"
    causes.well()
    assert causes.worst() is causes.refusal() is None


def test_a_lost_connection_is_no_refusal_and_its_cause_is_kept():
    causes = Causes(Clock())
    causes(error("_TRANSPORT"))
    causes(error("_ALL_BROKERS_DOWN"))
    assert causes.refusal() is None
    assert causes.worst().name() == "_TRANSPORT"


def test_trouble_counts_from_its_first_sign():
    clock = Clock()
    causes = Causes(clock)
    causes(error("_TRANSPORT"))
    clock.now = 9.0
    causes(error("_TRANSPORT"))
    assert causes.worst(after=10) is None
    clock.now = 10.0
    assert causes.worst(after=10) is not None
