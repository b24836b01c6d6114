"""How one kind of server is installed, set up and started. A recipe for each stands in a file of its own.

life.py calls the steps in this order; each is safe to repeat on a folder where a kill cut it short.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from harness.folders import StateFolder
from harness.servers.server import Server


class Recipe(Protocol):
    """The steps of one kind of server."""

    product: str  # what it is, with its version
    port: int  # its clients' one
    others: Sequence[str]  # what further ports are for: they follow the first one
    user: str
    options: Mapping[str, str]  # what else a client has to know

    def install(self) -> Path:
        """The folder of its programs, below the user's cache; fetched when it is missing."""

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:
        """Writes what it needs to start. Called before each start, also on data of an earlier one."""

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:
        """How it is started in the foreground."""

    def answers(self, server: Server) -> bool:
        """Whether `server.user` can log in and use it."""
