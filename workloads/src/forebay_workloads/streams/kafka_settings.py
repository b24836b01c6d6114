"""A DataStore's settings and mounted Secret as the Kafka client's options. Pure but for the names of files.

Used by kafka_connection.py. Understood are our own keys, those of Strimzi's KafkaUser (SCRAM and TLS) and KafkaAccess,
and of Service Binding. Nothing here connects.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from forebay_workloads import credentials
from forebay_workloads.contract import StoreRef
from forebay_workloads.errors import ConfigError
from forebay_workloads.stores import secrets
from forebay_workloads.stores.secrets import check_login, client_certificate, first

Options = dict[str, str | int | float | bool]

BOOTSTRAP = ("bootstrap.servers", "bootstrapServers", "bootstrap-servers")
USERS = ("username", "user")
MECHANISMS = ("sasl.mechanism", "saslMechanism", "sasl-mechanism")
PROTOCOLS = ("security.protocol", "securityProtocol", "security-protocol")
REGISTRY = (("schemaRegistryUsername", "schemaRegistryPassword"), ("username", "password"))

_JAAS = re.compile(r'\b(username|password)\s*=\s*"((?:[^"\\]|\\.)*)"')


def options(ref: StoreRef, secret: Mapping[str, str], folder: Path | None) -> Options:
    """What every client of this broker is told: where it is, who we are, whom we trust."""
    check_login(ref, secret)
    tls = ref.settings.get("tls")
    wished = tls is not None or "SSL" in (first(secret, PROTOCOLS) or "")
    login = _login(ref, secret)
    protocol = ("SASL_" if login else "") + ("SSL" if wished else "PLAINTEXT")
    chosen: Options = {
        "bootstrap.servers": ",".join(servers(ref, secret)),
        "client.id": "forebay",
        "security.protocol": protocol,
        **login,
    }
    return chosen | _tls(ref, secret, folder) if wished else chosen


def servers(ref: StoreRef, secret: Mapping[str, str]) -> list[str]:
    """Brokers to connect to first; a binding's Secret may name them."""
    named = [str(one) for one in ref.settings.get("bootstrapServers") or []]
    named = named or [
        one.strip() for one in (first(secret, BOOTSTRAP) or "").split(",") if one.strip()
    ]
    if not named:
        message = f"DataStore {ref.name}: kafka.bootstrapServers is not set"
        raise ConfigError("ReferenceMissing", message)
    return named


def jaas(text: str) -> dict[str, str]:
    """User and password of a line of Java's login configuration, as Strimzi writes it."""
    return {name: re.sub(r"\\(.)", r"\1", value) for name, value in _JAAS.findall(text)}


def _login(ref: StoreRef, secret: Mapping[str, str]) -> Options:
    line = secret.get("sasl.jaas.config", "")
    found = jaas(line)
    user = first(secret, USERS) or found.get("username")
    password = secret.get("password") or found.get("password")
    mechanism = ref.settings.get("saslMechanism") or first(secret, MECHANISMS)
    if mechanism is None and "ScramLoginModule" in line:
        mechanism = "SCRAM-SHA-512"  # the one that Strimzi's users have
    if mechanism is None:
        if user is not None and password is not None:
            message = (
                f"DataStore {ref.name}: it has a user: say in kafka.saslMechanism how to log in"
            )
            raise ConfigError("InvalidSpec", message)
        return {}
    if user is None or password is None:
        lacks = "username" if user is None else "password"
        message = f"DataStore {ref.name}: {mechanism} needs a Secret with the key {lacks!r}"
        raise ConfigError("SecretMissing", message)
    return {"sasl.mechanism": mechanism, "sasl.username": user, "sasl.password": password}


def _tls(ref: StoreRef, secret: Mapping[str, str], folder: Path | None) -> Options:
    chosen: Options = {}
    authority = trusted(ref, secret)
    if folder is not None and authority:
        chosen["ssl.ca.location"] = str(folder / authority)
    pair = next(
        (pair for pair in credentials.CERTIFICATES if all(secret.get(key) for key in pair)), None
    )
    if folder is not None and pair:
        chosen["ssl.certificate.location"] = str(folder / pair[0])
        chosen["ssl.key.location"] = str(folder / pair[1])
    else:
        client_certificate(ref, secret)  # says which keys it needs
    return chosen


def trusted(ref: StoreRef, secret: Mapping[str, str]) -> str | None:
    """The key of the CA that signed the brokers' certificates; None: the system's CAs.

    The `ca.crt` of a KafkaUser signed the users, not the brokers: it counts only when the DataStore names a CA.
    """
    named = (ref.settings.get("tls") or {}).get("caSecretRef")
    if secret.get("ssl.truststore.crt") and not named:
        return "ssl.truststore.crt"
    of_users = bool(secret.get("user.crt"))
    return "ca.crt" if secret.get("ca.crt") and (named or not of_users) else None


def registry_login(secret: Mapping[str, str]) -> tuple[str, str] | None:
    """User and password of the schema registry: its own, else the broker's."""
    for user, password in REGISTRY:
        if secret.get(user) and secret.get(password):
            return secret[user], secret[password]
    return None


def hidden(secret: Mapping[str, str]) -> tuple[str, ...]:
    """What must be struck out of every message."""
    login = jaas(secret.get("sasl.jaas.config", ""))
    return (*secrets.hidden(secret), *filter(None, [login.get("password")]))
