"""Amazon's DynamoDBLocal, for tests only: its licence allows no more. docs/servers.md says what it lacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from harness.cluster import packages
from harness.folders import StateFolder
from harness.servers import java
from harness.servers.server import Server

VERSION = "2.6.1"
# It listens on every address of the machine and has no option for another: its Jetty is told before it starts.
_LOOPBACK = """import com.amazonaws.services.dynamodbv2.local.main.ServerRunner;
import com.amazonaws.services.dynamodbv2.local.server.DynamoDBProxyServer;
import org.eclipse.jetty.server.Connector;
import org.eclipse.jetty.server.Server;
import org.eclipse.jetty.server.ServerConnector;

public class Loopback {
    public static void main(String[] arguments) throws Exception {
        DynamoDBProxyServer local = ServerRunner.createServerFromCommandLineArgs(arguments);
        var field = DynamoDBProxyServer.class.getDeclaredField("server");
        field.setAccessible(true);
        for (Connector connector : ((Server) field.get(local)).getConnectors())
            ((ServerConnector) connector).setHost(System.getProperty("host"));
        local.start();
        local.join();
    }
}
"""


class DynamoDB:
    """The recipe. It checks no signature: any user that has a name gets in."""

    product = f"DynamoDBLocal {VERSION}"
    port = 19800
    others = ()
    user = "forebay"
    options = {"region": "eu-central-1"}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """Jars, with the native library of its SQLite; and a compiler, as our launcher is compiled at each start."""
        packages.ensure({"javac": "openjdk-17-jdk-headless"})
        return java.jars("dynamodb", (f"com.amazonaws:DynamoDBLocal:{VERSION}",))

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:  # noqa: ARG002
        """Its data lie in a folder that it does not make; the launcher."""
        folder.folder("data")
        (folder.folder("conf") / "Loopback.java").write_text(_LOOPBACK)

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:
        """On disk: what was acknowledged outlives a kill."""
        return java.command(
            programs, folder, "256m",
            f"-Djava.library.path={programs}", f"-Dhost={server.host}",
            str(folder.root / "conf/Loopback.java"),
            "-port", str(server.port), "-dbPath", str(folder.root / "data"), "-sharedDb", "-disableTelemetry",
        )  # fmt: skip

    def answers(self, server: Server) -> bool:
        """Whether it lists its tables."""
        try:
            client(server).list_tables()
        except (BotoCoreError, ClientError):
            return False
        return True


def endpoint(server: Server) -> str | None:
    """Of its API; None for Amazon's own, whose host says so."""
    if server.host.endswith(".amazonaws.com"):
        return None
    return f"{server.options.get('scheme', 'http')}://{server.address}"


def client(server: Server) -> Any:
    """For administration. The caller closes it."""
    config = Config(connect_timeout=2, read_timeout=30, retries={"total_max_attempts": 1})
    return botocore.session.get_session().create_client(
        "dynamodb",
        region_name=server.options["region"],
        endpoint_url=endpoint(server),
        aws_access_key_id=server.user,
        aws_secret_access_key=server.password,
        config=config,
    )
