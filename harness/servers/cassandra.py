"""Apache Cassandra, one node. Roles hold; our user is a superuser, the usual `cassandra` cannot log in."""

from __future__ import annotations

import json
import ssl
from pathlib import Path

from cassandra import AuthenticationFailed, Unauthorized
from cassandra.auth import PlainTextAuthProvider
from cassandra.cluster import (
    EXEC_PROFILE_DEFAULT,
    Cluster,
    ExecutionProfile,
    NoHostAvailable,
    Session,
)
from cassandra.policies import WhiteListRoundRobinPolicy

from harness.folders import StateFolder
from harness.servers import java, pki
from harness.servers.server import HOST, Server

VERSION = "5.0.9"
DATACENTER = "datacenter1"  # the only one that its SimpleSnitch knows
_FIRST_USER = "cassandra"  # the server makes it at its first start; its password is its name
_LOGGING = """<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>%d{HH:mm:ss.SSS} %-5level %logger{20} %msg%n</pattern></encoder>
  </appender>
  <root level="WARN"><appender-ref ref="console"/></root>
  <logger name="org.apache.cassandra.service.CassandraDaemon" level="INFO"/>
</configuration>
"""
# What it uses of Java 17's own insides.
_EXPORTS = (
    "java.base/jdk.internal.misc", "java.base/java.lang.ref", "java.base/java.lang.reflect",
    "java.management/com.sun.jmx.remote.security", "java.rmi/sun.rmi.registry",
    "java.rmi/sun.rmi.server", "java.rmi/sun.rmi.transport.tcp", "java.sql/java.sql",
    "jdk.unsupported/sun.misc",
)  # fmt: skip
_OPENS = (
    "java.base/java.io", "java.base/java.lang", "java.base/java.lang.module", "java.base/java.lang.reflect",
    "java.base/java.math", "java.base/java.net", "java.base/java.nio", "java.base/java.util",
    "java.base/java.util.concurrent", "java.base/java.util.concurrent.atomic",
    "java.base/jdk.internal.loader", "java.base/jdk.internal.ref", "java.base/jdk.internal.reflect",
    "java.base/jdk.internal.math", "java.base/jdk.internal.module", "java.base/jdk.internal.util.jar",
    "java.base/sun.nio.ch", "jdk.management/com.sun.management.internal",
    "java.rmi/sun.rmi.transport.tcp",
)  # fmt: skip
_HASTE = {  # one node has nobody to wait for
    "skip_wait_for_gossip_to_settle": "0",
    "ring_delay_ms": "100",
    "superuser_setup_delay_ms": "0",
}


class Cassandra:
    """The recipe."""

    product = f"Apache Cassandra {VERSION}"
    port = 19042
    others = ("storage", "ssl_storage")
    user = "forebay"
    options = {"datacenter": DATACENTER}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """Jars."""
        return java.jars("cassandra", (f"org.apache.cassandra:cassandra-all:{VERSION}",))

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:  # noqa: ARG002
        """Certificates and configuration; the server makes its own folders."""
        pki.make(folder, server)
        pki.pem(folder, "server")
        conf = folder.folder("conf")
        (conf / "cassandra.yaml").write_text(json.dumps(settings(folder, server), indent=1))
        (conf / "logback.xml").write_text(_LOGGING)

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:  # noqa: ARG002
        """The daemon."""
        conf = folder.root / "conf"
        agent = next(programs.glob("jamm-*.jar"))
        return java.command(
            programs, folder, "384m",
            "-Xss512k", "-XX:MaxDirectMemorySize=256m", "-Djdk.attach.allowAttachSelf=true",
            *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
            *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
            f"-javaagent:{agent}",
            f"-Dcassandra.config={(conf / 'cassandra.yaml').as_uri()}",
            f"-Dcassandra.storagedir={folder.root / 'data'}",
            f"-Dlogback.configurationFile={conf / 'logback.xml'}",
            "-Dcassandra-foreground=yes",
            *(f"-Dcassandra.{name}={value}" for name, value in _HASTE.items()),
            "org.apache.cassandra.service.CassandraDaemon",
        )  # fmt: skip

    def answers(self, server: Server) -> bool:
        """Whether our user can log in; makes it, when the server is new."""
        return _asks(server, server.user, server.password) or self._made(server)

    def _made(self, server: Server) -> bool:
        make = f"CREATE ROLE IF NOT EXISTS {server.user} WITH SUPERUSER = true AND LOGIN = true AND PASSWORD = %s"
        lock = f"ALTER ROLE {_FIRST_USER} WITH SUPERUSER = false AND LOGIN = false"
        first = _asks(server, _FIRST_USER, _FIRST_USER, (make, (server.password,)))
        return first and _asks(server, server.user, server.password, (lock, ()))


def _asks(
    server: Server, user: str, password: str, statement: tuple[str, tuple[str, ...]] | None = None
) -> bool:
    """Whether that user can log in and, where there is a statement, say it."""
    text, values = statement or ("SELECT release_version FROM system.local", ())
    try:
        with cluster(server, user, password) as opened:
            session: Session = opened.connect()
            session.execute(text, values or None)
    except (NoHostAvailable, AuthenticationFailed, Unauthorized, OSError):
        return False
    return True


def cluster(
    server: Server, user: str = "", password: str = "", tls: ssl.SSLContext | None = None
) -> Cluster:
    """A driver's cluster for administration, as our user or another. The caller shuts it down; `with` does too."""
    user, password = (user, password) if user else (server.user, server.password)
    hosts = [server.host]
    profile = ExecutionProfile(load_balancing_policy=WhiteListRoundRobinPolicy(hosts))
    return Cluster(
        hosts,
        port=server.port,
        auth_provider=PlainTextAuthProvider(user, password) if user else None,
        execution_profiles={EXEC_PROFILE_DEFAULT: profile},
        ssl_context=tls,
        connect_timeout=10,
        protocol_version=5,
        schema_event_refresh_window=-1,
    )


def settings(folder: StateFolder, server: Server) -> dict[str, object]:
    """cassandra.yaml, written as JSON, which is YAML. Pure."""
    data = folder.root / "data"
    seed = {"seeds": f"{HOST}:{server.ports['storage']}"}
    return {
        "cluster_name": "forebay",
        "num_tokens": 4,
        "partitioner": "org.apache.cassandra.dht.Murmur3Partitioner",
        "seed_provider": [
            {"class_name": "org.apache.cassandra.locator.SimpleSeedProvider", "parameters": [seed]}
        ],
        "endpoint_snitch": "SimpleSnitch",
        "listen_address": HOST,
        "storage_port": server.ports["storage"],
        "ssl_storage_port": server.ports["ssl_storage"],
        "rpc_address": server.host,
        "native_transport_port": server.port,
        "client_encryption_options": _tls(folder),
        "authenticator": "PasswordAuthenticator",
        "authorizer": "CassandraAuthorizer",
        "role_manager": "CassandraRoleManager",
        **{
            f"{kind}_validity": "200ms" for kind in ("roles", "permissions", "credentials")
        },  # a changed password holds at once
        "data_file_directories": [str(data / "data")],
        "commitlog_directory": str(data / "commitlog"),
        "saved_caches_directory": str(data / "saved_caches"),
        "hints_directory": str(data / "hints"),
        "cdc_raw_directory": str(data / "cdc_raw"),
        "commitlog_sync": "batch",  # what was acknowledged outlives a kill
        "commitlog_segment_size": "8MiB",
        "commitlog_total_space": "128MiB",
        "memtable_heap_space": "128MiB",
        "memtable_offheap_space": "128MiB",
        "key_cache_size": "8MiB",
        "file_cache_size": "32MiB",
        "concurrent_reads": 8,
        "concurrent_writes": 8,
        "concurrent_counter_writes": 8,
        "concurrent_compactors": 1,
        "native_transport_max_threads": 16,
        "auto_snapshot": False,
    }


def _tls(folder: StateFolder) -> dict[str, object]:
    """TLS for those who ask for it, on the same port. 5.0 asks all clients for a certificate, or none."""
    pair, ca = folder.root / "pki/server.pem", folder.certificate("ca")
    return {
        "enabled": True,
        "optional": True,
        "require_client_auth": False,
        "ssl_context_factory": {
            "class_name": "org.apache.cassandra.security.PEMBasedSslContextFactory"
        },
        "keystore": str(pair),
        "truststore": str(ca),
    }
