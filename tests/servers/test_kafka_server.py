"""The harness's Kafka: passwords hold, TLS is TLS, and a kill loses nothing that was acknowledged."""

from pathlib import Path

import pytest
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from harness.servers import life
from harness.servers.kafka import client_settings


@pytest.fixture(scope="module")
def broker(spare):
    return spare("kafka")


def listed(settings):
    """The topics as a client with these settings sees them."""
    return AdminClient(settings).list_topics(timeout=5).topics


def over_tls(broker, listener):
    """The settings of a client that trusts the server's CA."""
    return {
        **client_settings(broker),
        "bootstrap.servers": f"{broker.host}:{broker.ports[listener]}",
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": f"{broker.folder}/pki/ca.crt",
    }


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_every_way_to_log_in_asks_for_the_password(broker, mechanism):
    settings = {**client_settings(broker), "sasl.mechanism": mechanism}
    listed(settings)
    with pytest.raises(KafkaException):
        listed({**settings, "sasl.password": "wrong"})


def test_nobody_gets_in_without_a_login(broker):
    with pytest.raises(KafkaException):
        listed({"bootstrap.servers": broker.address, "log_level": 0})


def test_tls_is_there_for_those_who_trust_its_ca(broker):
    listed(over_tls(broker, "tls"))
    without = over_tls(broker, "tls")
    del without["ssl.ca.location"]
    with pytest.raises(KafkaException):
        listed(without)


def test_a_client_may_show_a_certificate(broker):
    pair = {name: f"{broker.folder}/pki/client.{name}" for name in ("crt", "key")}
    assert Path(pair["crt"]).exists()
    shown = {"ssl.certificate.location": pair["crt"], "ssl.key.location": pair["key"]}
    listed({**over_tls(broker, "tls"), **shown})


def test_a_certificate_that_has_expired_is_not_trusted(broker):
    with pytest.raises(KafkaException):
        listed(over_tls(broker, "expired"))


def test_a_kill_loses_no_topic_and_no_record(broker):
    admin = AdminClient(client_settings(broker))
    admin.create_topics([NewTopic("t", 2, 1)])["t"].result(10)
    producer = Producer({**client_settings(broker), "enable.idempotence": True})
    for number in range(100):
        producer.produce("t", str(number))
    assert producer.flush(10) == 0
    root = Path(broker.folder).parent
    life.kill("kafka", root)
    assert life.running("kafka", root) is None
    assert life.start("kafka", root) == broker
    assert sorted(read(broker, 100)) == sorted(str(number).encode() for number in range(100))


def read(broker, count):
    """The values of the topic's first `count` records."""
    settings = {**client_settings(broker), "group.id": "g", "auto.offset.reset": "earliest"}
    consumer = Consumer(settings)
    consumer.subscribe(["t"])
    try:
        return [message.value() for message in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()
