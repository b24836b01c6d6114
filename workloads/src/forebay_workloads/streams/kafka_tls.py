"""Why a broker's certificate is not trusted, in words. Used by kafka_connection.py when a TLS connection failed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from forebay_workloads import tls


def address(server: str) -> tuple[str, int]:
    """Host and port of `host:port`; 9092 where there is none."""
    host, colon, port = server.rpartition(":")
    if not colon or not port.isdigit():
        return server.strip("[]"), 9092
    return host.strip("[]"), int(port)


def why(server: str, options: Mapping[str, Any]) -> str | None:
    """What is wrong with the certificate of `host:port`; None when it is trusted or nobody answers."""
    host, port = address(server)
    return tls.why(host, port, options.get("ssl.ca.location"))
