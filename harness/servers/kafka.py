"""Apache Kafka, one process that is broker and controller. Clients log in by SCRAM or PLAIN; ACLs hold."""

from __future__ import annotations

import base64
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from harness.folders import StateFolder
from harness.servers import java, pki
from harness.servers.server import HOST, Server
from harness.shell import run

VERSION = "4.4.0"
_ARTIFACTS = (
    f"org.apache.kafka:kafka_2.13:{VERSION}",
    "org.apache.logging.log4j:log4j-slf4j-impl:2.25.5",  # Kafka comes without one
)
_SCRAM = ("SCRAM-SHA-256", "SCRAM-SHA-512")
_LOGGING = """Configuration:
  Appenders:
    Console:
      name: console
      PatternLayout: {pattern: "%d %p %c{1} %m%n"}
  Loggers:
    Root: {level: WARN, AppenderRef: [{ref: console}]}
    Logger: [{name: kafka.server.KafkaRaftServer, level: INFO}]
"""


class Kafka:
    """The recipe."""

    product = f"Apache Kafka {VERSION}"
    port = 19092
    others = ("controller", "tls", "expired")  # the last has a certificate that has expired
    user = "forebay"
    options = {"sasl": "SCRAM-SHA-512"}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """Jars."""
        return java.jars("kafka", _ARTIFACTS)

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:
        """Certificates, configuration, and a log directory that knows the user."""
        pki.make(folder, server)
        for certificate in ("server", "expired"):
            pki.pem(folder, certificate)
        config = folder.folder("conf") / "server.properties"
        config.touch(mode=0o600)
        config.write_text(properties(folder, server))
        (folder.folder("conf") / "log4j2.yaml").write_text(_LOGGING)
        mark = folder.root / "formatted"
        if mark.exists():
            return
        shutil.rmtree(folder.root / "data", ignore_errors=True)  # of a format that was cut short
        users = [
            part
            for mechanism in _SCRAM
            for part in (
                "--add-scram",
                f"{mechanism}=[name={server.user},password={server.password}]",
            )
        ]
        run(
            *_java(programs, folder), "kafka.tools.StorageTool", "format", "-g",
            "-t", _cluster_id(), "-c", str(config), *users,
        )  # fmt: skip
        mark.touch()

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:  # noqa: ARG002
        """Broker and controller."""
        return [*_java(programs, folder), "kafka.Kafka", f"{folder.root}/conf/server.properties"]

    def answers(self, server: Server) -> bool:
        """Whether the broker lists itself: it does so when the controller has let it in."""
        client = AdminClient(client_settings(server))
        try:
            return bool(client.list_topics(timeout=2).brokers)
        except KafkaException:
            return False


def _java(programs: Path, folder: StateFolder) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={folder.root}/conf/log4j2.yaml"
    return java.command(programs, folder, "256m", logging)


def _cluster_id() -> str:
    """One that does not look like an option of the command that it is given to."""
    while (made := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()).startswith("-"):
        pass
    return made.rstrip("=")


def client_settings(server: Server) -> dict[str, str | int | float | bool]:
    """What librdkafka is told to reach it. Pure."""
    where: dict[str, str | int | float | bool] = {
        "bootstrap.servers": server.address,
        "log_level": 0,  # while it starts, it is no news that it does not answer
    }
    if not server.user:
        return where
    return {
        **where,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": server.options.get("sasl", "PLAIN"),
        "sasl.username": server.user,
        "sasl.password": server.password,
    }


def properties(folder: StateFolder, server: Server) -> str:
    """The broker's configuration. Pure."""
    listeners = {
        "clients": server.port,
        "tls": server.ports["tls"],
        "expired": server.ports["expired"],
    }
    addresses = [f"{name.upper()}://{server.host}:{port}" for name, port in listeners.items()]
    controller = f"{HOST}:{server.ports['controller']}"
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{controller}",
        "listeners": ",".join([*addresses, f"CONTROLLER://{controller}"]),
        "advertised.listeners": ",".join(addresses),
        "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,TLS:SASL_SSL,EXPIRED:SASL_SSL,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": ",".join(("PLAIN", *_SCRAM)),
        **{name: value for of in listeners for name, value in _logins(of, server).items()},
        **_tls(folder, "tls", "server"),
        **_tls(folder, "expired", "expired"),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{server.user};User:ANONYMOUS",  # the latter is the controller's listener
        "log.dirs": folder.root / "data",
        **_SMALL,
    }
    return "".join(f"{name}={value}\n" for name, value in values.items())


_SMALL: Mapping[
    str, object
] = {  # one node, so each copy is the only one; short waits where a test would wait
    "auto.create.topics.enable": "false",
    "default.replication.factor": 1,
    "offsets.topic.replication.factor": 1,
    "offsets.topic.num.partitions": 4,
    "transaction.state.log.replication.factor": 1,
    "transaction.state.log.min.isr": 1,
    "transaction.state.log.num.partitions": 4,
    "share.coordinator.state.topic.replication.factor": 1,
    "share.coordinator.state.topic.min.isr": 1,
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 3000,  # after a kill the old registration has to run out
    "broker.heartbeat.interval.ms": 500,
    "log.index.size.max.bytes": 1 << 20,  # made at full size for each partition
    "log.cleaner.dedupe.buffer.size": 16 << 20,
    "num.network.threads": 2,
    "num.io.threads": 4,
}


def _logins(listener: str, server: Server) -> dict[str, str]:
    """How clients may log in there. The broker logs in to itself, so no listener goes without a password."""
    security = "org.apache.kafka.common.security"
    who = f'username="{server.user}" password="{server.password}" user_{server.user}="{server.password}"'
    logins = {"plain": f"{security}.plain.PlainLoginModule required {who};"}
    for mechanism in _SCRAM:
        logins[mechanism.lower()] = f"{security}.scram.ScramLoginModule required;"
    return {
        f"listener.name.{listener}.{mechanism}.sasl.jaas.config": login
        for mechanism, login in logins.items()
    }


def _tls(folder: StateFolder, listener: str, certificate: str) -> dict[str, str]:
    values = {
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": f"{folder.root}/pki/{certificate}.pem",
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(folder.certificate("ca")),
        "ssl.client.auth": "requested",
    }
    return {f"listener.name.{listener}.{name}": value for name, value in values.items()}
