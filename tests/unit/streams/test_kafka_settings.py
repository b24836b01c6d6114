"""Settings and Secrets become the client's options, whoever made the Secret."""

import pytest

from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.streams.kafka_settings import hidden, jaas, options, registry_login

HERE = {"bootstrapServers": ["a:9092", "b:9092"]}
SCRAM = {"saslMechanism": "SCRAM-SHA-256"}
PLAIN = {"username": "u", "password": "p"}

# A KafkaUser with authentication type scram-sha-512, as Strimzi's user operator writes its Secret.
STRIMZI_SCRAM = {
    "password": "aB3$",
    "sasl.jaas.config": "org.apache.kafka.common.security.scram.ScramLoginModule required "
    'username="my-user" password="aB3$";',
}
# One of type tls: its ca.crt is the CA of the users.
STRIMZI_TLS = {
    "ca.crt": "CLIENTS CA",
    "user.crt": "CERTIFICATE",
    "user.key": "KEY",
    "user.p12": "binary",
    "user.password": "of the p12",
}
# What the access operator makes for an application.
ACCESS = {
    "type": "kafka",
    "provider": "strimzi",
    "bootstrapServers": "my-cluster-kafka.data:9093",
    "bootstrap.servers": "my-cluster-kafka.data:9093",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "user": "my-user",
    "password": "pw",
    "sasl.jaas.config": 'x.ScramLoginModule required username="my-user" password="pw";',
    "ssl.truststore.crt": "CLUSTER CA",
}


def chosen(tmp_path, secret, **settings):
    ref = StoreRef("shop", "kafka", HERE | settings, secrets=str(tmp_path))
    return options(ref, secret, tmp_path)


def test_a_broker_without_login_needs_its_address_only(tmp_path):
    found = chosen(tmp_path, {})
    assert found["bootstrap.servers"] == "a:9092,b:9092"
    assert found["security.protocol"] == "PLAINTEXT"
    assert not [name for name in found if name.startswith(("sasl", "ssl"))]


def test_user_and_password_log_in_by_the_mechanism_asked_for(tmp_path):
    found = chosen(tmp_path, PLAIN, **SCRAM)
    assert found["security.protocol"] == "SASL_PLAINTEXT"
    login = ("SCRAM-SHA-256", "u", "p")
    assert (found["sasl.mechanism"], found["sasl.username"], found["sasl.password"]) == login


def test_a_ca_and_a_client_certificate_of_the_datastore_are_used(tmp_path):
    secret = PLAIN | {"ca.crt": "x", "tls.crt": "y", "tls.key": "z"}
    tls = {"caSecretRef": {"name": "ca"}, "clientSecretRef": {"name": "client"}}
    found = chosen(tmp_path, secret, tls=tls, **SCRAM)
    assert found["security.protocol"] == "SASL_SSL"
    assert found["ssl.ca.location"] == str(tmp_path / "ca.crt")
    assert found["ssl.certificate.location"] == str(tmp_path / "tls.crt")
    assert found["ssl.key.location"] == str(tmp_path / "tls.key")


def test_tls_without_a_ca_trusts_the_systems(tmp_path):
    found = chosen(tmp_path, {}, tls={})
    assert found["security.protocol"] == "SSL"
    assert "ssl.ca.location" not in found


def test_strimzis_scram_user_is_understood(tmp_path):
    found = chosen(tmp_path, STRIMZI_SCRAM)
    login = ("SCRAM-SHA-512", "my-user", "aB3$")
    assert (found["sasl.mechanism"], found["sasl.username"], found["sasl.password"]) == login


def test_strimzis_tls_user_shows_its_certificate_and_its_ca_is_not_the_brokers(tmp_path):
    found = chosen(tmp_path, STRIMZI_TLS, tls={})
    assert found["security.protocol"] == "SSL"
    assert found["ssl.certificate.location"] == str(tmp_path / "user.crt")
    assert found["ssl.key.location"] == str(tmp_path / "user.key")
    assert "ssl.ca.location" not in found
    found = chosen(
        tmp_path, STRIMZI_TLS, tls={"caSecretRef": {"name": "my-cluster-cluster-ca-cert"}}
    )
    assert found["ssl.ca.location"] == str(tmp_path / "ca.crt")


def test_strimzis_access_secret_says_everything(tmp_path):
    ref = StoreRef("shop", "kafka", {}, secrets=str(tmp_path))
    found = options(ref, ACCESS, tmp_path)
    assert found["bootstrap.servers"] == "my-cluster-kafka.data:9093"
    assert (found["security.protocol"], found["sasl.username"]) == ("SASL_SSL", "my-user")
    assert found["ssl.ca.location"] == str(tmp_path / "ssl.truststore.crt")


@pytest.mark.parametrize(
    ("secret", "settings", "reason", "words"),
    [
        ({}, SCRAM, "SecretMissing", "'username'"),
        ({"username": "u"}, SCRAM, "SecretMissing", "'password'"),
        (PLAIN, {}, "InvalidSpec", "kafka.saslMechanism"),
        ({}, {"bootstrapServers": []}, "ReferenceMissing", "kafka.bootstrapServers"),
        ({"tls.crt": "x"}, {"tls": {"clientSecretRef": {"name": "c"}}}, "SecretMissing", "tls.key"),
    ],
)
def test_what_is_missing_is_named(tmp_path, secret, settings, reason, words):
    with pytest.raises(ConfigError) as caught:
        chosen(tmp_path, secret, **settings)
    assert caught.value.reason == reason
    assert words in caught.value.message


def test_a_line_of_jaas_may_hold_quotes():
    line = r'x.PlainLoginModule required username="a b" password="p\"w\\";'
    assert jaas(line) == {"username": "a b", "password": 'p"w\\'}


def test_every_secret_value_is_struck_out():
    assert {"aB3$", STRIMZI_SCRAM["sasl.jaas.config"]} <= set(hidden(STRIMZI_SCRAM))
    assert {"KEY", "of the p12"} <= set(hidden(STRIMZI_TLS))


def test_the_registry_has_a_login_of_its_own_or_the_brokers():
    own = {"schemaRegistryUsername": "r", "schemaRegistryPassword": "s"}
    assert registry_login(PLAIN | own) == ("r", "s")
    assert registry_login(PLAIN) == ("u", "p")
    assert registry_login({}) is None
