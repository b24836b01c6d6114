"""Apache HBase with its Thrift gateway in one process: master, region server and ZooKeeper of its standalone mode."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import happybase
from thriftpy2.thrift import TException

from harness.cluster import packages
from harness.folders import StateFolder
from harness.servers import java
from harness.servers.server import HOST, Server

VERSION = "2.6.1"
# One process, so that a kill ends all of it at once.
_BOTH = """import org.apache.hadoop.hbase.master.HMaster;
import org.apache.hadoop.hbase.thrift.ThriftServer;

public class Both {
    public static void main(String[] arguments) throws Exception {
        Thread master = new Thread(() -> HMaster.main(new String[] {"start"}), "standalone");
        master.start();
        ThriftServer.main(arguments);
    }
}
"""
_LOGGING = """log4j.rootLogger=WARN,console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.target=System.err
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=%d{ISO8601} %-5p [%t] %c{2}: %.1000m%n
"""
# What it uses of Java 17's own insides.
_OPENS = (
    "java.base/java.io", "java.base/java.lang", "java.base/java.lang.reflect", "java.base/java.net",
    "java.base/java.nio", "java.base/java.util", "java.base/java.util.concurrent",
    "java.base/jdk.internal.ref", "java.base/sun.nio.ch",
)  # fmt: skip
_EXPORTS = ("java.base/jdk.internal.misc", "java.security.jgss/sun.security.krb5")


class HBase:
    """The recipe. It asks for no password: HBase knows Kerberos only."""

    product = f"Apache HBase {VERSION}"
    port = 19290
    others = ("zookeeper", "master", "region")
    user = "forebay"  # for whom nobody asks
    options: Mapping[str, str] = {}

    def install(self) -> Path:
        """Jars; and a compiler, as our launcher is compiled at each start."""
        packages.ensure({"javac": "openjdk-17-jdk-headless"})
        artifacts = (
            f"org.apache.hbase:hbase-server:{VERSION}",
            f"org.apache.hbase:hbase-thrift:{VERSION}",
        )
        return java.jars("hbase", artifacts)

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:  # noqa: ARG002
        """Configuration and launcher."""
        conf = folder.folder("conf")
        (conf / "hbase-site.xml").write_text(site(folder, server))
        (conf / "log4j.properties").write_text(_LOGGING)
        (conf / "Both.java").write_text(_BOTH)

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:
        """Everything."""
        return java.command(
            programs, folder, "384m", "--add-modules=jdk.unsupported",
            *(f"--add-opens={name}=ALL-UNNAMED" for name in _OPENS),
            *(f"--add-exports={name}=ALL-UNNAMED" for name in _EXPORTS),
            f"-Dhbase.log.dir={folder.folder('log')}",
            str(folder.root / "conf/Both.java"),
            "--port", str(server.port), "--bind", server.host, "--infoport", "-1", "start",
        )  # fmt: skip

    def answers(self, server: Server) -> bool:
        """Whether it lists its tables."""
        try:
            opened = client(server)
            opened.tables()
            opened.close()
        except (TException, OSError):
            return False
        return True


def client(server: Server) -> Any:
    """For administration. The caller closes it."""
    return happybase.Connection(server.host, server.port, timeout=30_000)


def site(folder: StateFolder, server: Server) -> str:
    """hbase-site.xml. Pure."""
    data = folder.root / "data"
    values = {
        "hbase.cluster.distributed": "false",
        "hbase.rootdir": f"file://{data}/hbase",
        "hbase.tmp.dir": f"{data}/scratch",
        "hbase.unsafe.stream.capability.enforce": "false",  # of a local file system
        "hbase.zookeeper.quorum": HOST,
        "hbase.zookeeper.property.dataDir": f"{data}/zookeeper",
        "hbase.zookeeper.property.clientPort": server.ports["zookeeper"],
        "hbase.zookeeper.property.clientPortAddress": HOST,
        "hbase.master.hostname": "localhost",
        "hbase.master.port": server.ports["master"],
        "hbase.master.ipc.address": HOST,
        "hbase.master.info.port": -1,
        "hbase.regionserver.hostname": "localhost",
        "hbase.regionserver.port": server.ports["region"],
        "hbase.regionserver.ipc.address": HOST,
        "hbase.regionserver.info.port": -1,
        "hbase.regionserver.handler.count": 10,
        "hbase.hregion.memstore.mslab.enabled": "false",  # 2 MiB for each table, of the small heap
        "hbase.regionserver.thread.compaction.small": 1,
        "hbase.thrift.info.port": -1,
    }
    properties = "".join(
        f"<property><name>{name}</name><value>{value}</value></property>\n"
        for name, value in values.items()
    )
    return f"<configuration>\n{properties}</configuration>\n"
