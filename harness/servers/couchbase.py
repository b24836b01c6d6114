"""A stand-in for Couchbase: CouchbaseMock, its makers' own for tests of drivers. docs/servers.md: what it lacks."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from couchbase.auth import PasswordAuthenticator
from couchbase.cluster import Cluster
from couchbase.exceptions import CouchbaseException, DocumentNotFoundException
from couchbase.options import ClusterOptions, ClusterTimeoutOptions

from harness.cluster import packages
from harness.folders import StateFolder
from harness.servers import java
from harness.servers.server import Server

VERSION = "1.5.27"
# Its own start listens on every address of the machine, for documents on a port by chance.
_LOOPBACK = """import com.couchbase.mock.BucketConfiguration;
import com.couchbase.mock.CouchbaseMock;
import com.couchbase.mock.httpio.HttpServer;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;

public class Loopback {
    static java.lang.reflect.Field field(String name) throws Exception {
        var found = CouchbaseMock.class.getDeclaredField(name);
        found.setAccessible(true);
        return found;
    }

    public static void main(String[] arguments) throws Exception {
        String host = arguments[0];
        int documents = Integer.parseInt(arguments[1]), management = Integer.parseInt(arguments[2]);
        CouchbaseMock mock = new CouchbaseMock(host, management, 1, documents, 64, null, 0);
        field("cccpBootstrap").set(null, true);
        HttpServer http = (HttpServer) field("httpServer").get(mock);
        http.bind(new InetSocketAddress(host, management));
        BucketConfiguration bucket = mock.getDefaultConfig();
        bucket.bucketStartPort = documents;
        bucket.name = arguments[3];
        bucket.password = Files.readString(Path.of(arguments[4]));
        mock.createBucket(bucket);
        http.start();
        http.join();
    }
}
"""


class Couchbase:
    """The recipe. One bucket, whose name is the user's."""

    product = f"CouchbaseMock {VERSION} (stand-in)"
    port = 19210
    others = ("management",)
    user = "forebay"
    options = {"bucket": "forebay"}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """One jar; and a compiler, as our launcher is compiled at each start."""
        packages.ensure({"javac": "openjdk-17-jdk-headless"})
        return java.jars("couchbase", (f"com.couchbase.mock:CouchbaseMock:{VERSION}",))

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:  # noqa: ARG002
        """The launcher, and a file of the password, as a command line is everybody's to read."""
        conf = folder.folder("conf")
        (conf / "Loopback.java").write_text(_LOOPBACK)
        (conf / "password").touch(mode=0o600)
        (conf / "password").write_text(server.password)

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:
        """The server; all is in memory."""
        return java.command(
            programs, folder, "256m", "-Dfile.encoding=UTF-8",
            str(folder.root / "conf/Loopback.java"),
            server.host, str(server.port), str(server.ports["management"]), server.options["bucket"],
            str(folder.root / "conf/password"),
        )  # fmt: skip

    def answers(self, server: Server) -> bool:
        """Whether our user can log in and ask."""
        try:
            opened = client(server, seconds=2)
            collection = opened.bucket(server.options["bucket"]).default_collection()
            collection.get("-")
        except DocumentNotFoundException:
            return True
        except CouchbaseException:
            return False
        return True


def client(server: Server, seconds: float = 10) -> Any:
    """For administration. The caller closes it."""
    timeouts = ClusterTimeoutOptions(bootstrap_timeout=timedelta(seconds=seconds))
    login = PasswordAuthenticator(server.user, server.password)
    options = ClusterOptions(login, timeout_options=timeouts)
    scheme = "couchbases" if "tls" in server.options else "couchbase"
    return Cluster(f"{scheme}://{server.address}", options)
