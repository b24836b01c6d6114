"""A server as its clients see it: address, user, password, as one URI. Pure but for `read` and `write`."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

HOST = "127.0.0.1"


@dataclass(frozen=True)
class Server:
    """One server; `port` is its clients' one, `ports` are others that it listens on, by what they are for."""

    name: str
    port: int
    host: str = HOST
    user: str = ""
    password: str = field(default="", repr=False)
    ports: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)  # what else a client has to know
    folder: str = ""  # its state folder; somebody else's server has none

    @property
    def address(self) -> str:
        """host:port, as a DataStore names it."""
        return f"{self.host}:{self.port}"

    @property
    def uri(self) -> str:
        """`of` reads it back; a MongoDB client takes it as it is."""
        who = f"{quote(self.user, '')}:{quote(self.password, '')}@" if self.user else ""
        how = f"?{urlencode(self.options)}" if self.options else ""
        return f"{self.name}://{who}{self.address}/{how}"

    @property
    def variable(self) -> str:
        """Of the environment: it tells tests of another server than the harness's own."""
        return f"FOREBAY_TEST_{self.name.upper()}"

    @classmethod
    def of(cls, uri: str) -> Server:
        """What a URI says. ValueError when it names no server."""
        parts = urlsplit(uri)
        if not (parts.scheme and parts.hostname and parts.port):
            raise ValueError("not a server's URI: write NAME://USER:PASSWORD@HOST:PORT/?OPTION=…")
        return cls(
            name=parts.scheme,
            host=parts.hostname,
            port=parts.port,
            user=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            options=dict(parse_qsl(parts.query)),
        )

    def write(self, path: Path) -> None:
        """Into a file that its owner alone can read."""
        path.touch(mode=0o600)
        os.truncate(path, 0)
        path.write_text(json.dumps(asdict(self), indent=1) + "\n")

    @classmethod
    def read(cls, path: Path) -> Server:
        """What `write` wrote."""
        return cls(**json.loads(path.read_text()))
