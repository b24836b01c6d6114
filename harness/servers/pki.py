"""Certificates of a server that speaks TLS: a CA of its own, the server's, a client's, and one that has expired.

Called by recipes. `ca.crt`, `client.crt` and `client.key` below pki/ are what a test gives to an adapter.
"""

from __future__ import annotations

from harness.certificates import EXPIRED, Identity, make_ca, make_pair
from harness.cluster import packages
from harness.folders import StateFolder
from harness.servers.server import HOST, Server


def make(folder: StateFolder, server: Server) -> None:
    """Makes what is missing."""
    packages.ensure({"openssl": "openssl"})
    names = tuple(dict.fromkeys((f"IP:{HOST}", f"IP:{server.host}", "DNS:localhost")))
    make_ca(folder)
    make_pair(folder, "server", Identity(server.name, names=names))
    make_pair(folder, "client", Identity(server.user))
    make_pair(folder, "expired", Identity(server.name, names=names), days=EXPIRED)


def pem(folder: StateFolder, name: str) -> str:
    """Key and certificate in one file, as Java servers read them; its path."""
    file = folder.folder("pki") / f"{name}.pem"
    file.touch(mode=0o600)
    file.write_text(folder.key(name).read_text() + folder.certificate(name).read_text())
    return str(file)
