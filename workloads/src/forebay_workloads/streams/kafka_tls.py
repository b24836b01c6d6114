"""Why a broker's certificate is not trusted, in words. Used by kafka_connection.py when a TLS connection failed.

The Kafka client says only that it could not verify it. One handshake by Python's own TLS tells the rest.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Mapping
from typing import Any

SECONDS = 5.0


def address(server: str) -> tuple[str, int]:
    """Host and port of `host:port`; 9092 where there is none."""
    host, colon, port = server.rpartition(":")
    if not colon or not port.isdigit():
        return server.strip("[]"), 9092
    return host.strip("[]"), int(port)


def why(server: str, options: Mapping[str, Any]) -> str | None:
    """What is wrong with the certificate of `host:port`; None when it is trusted or nobody answers."""
    host, port = address(server)
    try:
        context = ssl.create_default_context(cafile=options.get("ssl.ca.location"))
        with (
            socket.create_connection((host, port), timeout=SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, ValueError):
        return None
