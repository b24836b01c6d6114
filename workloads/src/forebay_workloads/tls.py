"""Why a server's certificate is not trusted, in words. Used by adapters when a TLS connection failed.

Their clients say only that it could not be verified, or nothing but that nobody answers. One handshake by Python's own
TLS tells the rest.
"""

from __future__ import annotations

import socket
import ssl

SECONDS = 5.0


def why(host: str, port: int, ca: str | None = None) -> str | None:
    """What is wrong with its certificate, by the CA of that file; None when it is trusted or nobody answers."""
    try:
        context = ssl.create_default_context(cafile=ca)
        with (
            socket.create_connection((host, port), timeout=SECONDS) as raw,
            context.wrap_socket(raw, server_hostname=host),
        ):
            return None
    except ssl.SSLCertVerificationError as error:
        return error.verify_message
    except (OSError, ValueError):
        return None
