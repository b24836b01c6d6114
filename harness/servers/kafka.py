"""Apache Kafka, one process that is broker and controller. Clients log in by SCRAM or PLAIN; ACLs hold."""

from __future__ import annotations

import base64
import shutil
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from harness.folders import StateFolder
from harness.servers import java
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
    others = ("controller",)
    user = "forebay"
    options = {"sasl": "SCRAM-SHA-512"}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """Jars."""
        return java.jars("kafka", _ARTIFACTS)

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:
        """Configuration, and a log directory that knows the user."""
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
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


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
    """The broker's configuration: one node, so each copy is the only one; short waits where a test would wait. Pure."""
    listener = "listener.name.clients"
    values = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{server.ports['controller']}",
        "listeners": f"CLIENTS://{server.address},CONTROLLER://{HOST}:{server.ports['controller']}",
        "advertised.listeners": f"CLIENTS://{server.address}",
        "listener.security.protocol.map": "CLIENTS:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "CLIENTS",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.enabled.mechanisms": ",".join(("PLAIN", *_SCRAM)),
        f"{listener}.plain.sasl.jaas.config": _plain(server),
        **{f"{listener}.{m.lower()}.sasl.jaas.config": _SCRAM_LOGIN for m in _SCRAM},
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": f"User:{server.user};User:ANONYMOUS",  # the latter is the controller's listener
        "log.dirs": folder.root / "data",
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
    return "".join(f"{name}={value}\n" for name, value in values.items())


_SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


def _plain(server: Server) -> str:
    """The broker logs in to itself as our user, so there is no second listener without a password."""
    who = f'username="{server.user}" password="{server.password}" user_{server.user}="{server.password}"'
    return f"org.apache.kafka.common.security.plain.PlainLoginModule required {who};"
