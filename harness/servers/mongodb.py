"""A stand-in for MongoDB: SecantusDB, which speaks its protocol over WiredTiger. docs/servers.md: what it lacks.

It is GPL-2.0, so it has a virtual environment of its own and is never a dependency of ours.
"""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import OperationFailure, PyMongoError

from harness.folders import StateFolder, cache, locked
from harness.processes import Processes
from harness.servers.server import Server
from harness.shell import run

VERSION = "0.7.0b3"
_SETUP = "setup"  # the process that makes the user: with --auth nobody could


class MongoDB:
    """The recipe."""

    product = f"SecantusDB {VERSION} (stand-in)"
    port = 27117
    others = ()
    user = "forebay"
    options = {"authSource": "admin"}  # noqa: RUF012 - the recipe says Mapping

    def install(self) -> Path:
        """A virtual environment; made in its place, since one cannot be moved, and marked when it is whole."""
        folder = cache("servers", f"mongodb-{VERSION}")
        environment, mark = folder / "venv", folder / "whole"
        with locked(folder):
            if not mark.exists():
                print(f"installing the stand-in for mongodb {VERSION}, once", file=sys.stderr)
                shutil.rmtree(environment, ignore_errors=True)
                run(sys.executable, "-m", "venv", str(environment))
                pip = (str(environment / "bin/python"), "-m", "pip", "install", "-q")
                run(*pip, f"secantusdb=={VERSION}", timeout=600)
                mark.touch()
        return environment / "bin"

    def prepare(self, programs: Path, folder: StateFolder, server: Server) -> None:
        """Makes the user, by a server that asks for no password, on the same data and port."""
        mark = folder.root / "user-made"
        if mark.exists():
            return
        processes = Processes(folder)
        processes.stop(_SETUP)
        processes.start(_SETUP, _command(programs, folder, server))
        try:
            processes.wait(_SETUP, lambda: _made(server))
        finally:
            processes.stop(_SETUP)
        mark.touch()

    def command(self, programs: Path, folder: StateFolder, server: Server) -> list[str]:
        """The server; what it acknowledged outlives a kill."""
        return [*_command(programs, folder, server), "--auth", "--sync-on-commit"]

    def answers(self, server: Server) -> bool:
        """Whether our user can log in and ask."""
        try:
            with client(server) as opened:
                opened.list_database_names()
        except PyMongoError:
            return False
        return True


def _command(programs: Path, folder: StateFolder, server: Server) -> list[str]:
    config = folder.folder("conf") / "secantusd.toml"
    config.touch()  # an empty one of ours, so that none of the user's is looked for
    return [
        str(programs / "python"), str(programs / "secantusd-py"), "--config", str(config),
        "--host", server.host, "--port", str(server.port),
        "--storage-path", str(folder.folder("data")), "--cache-size", "256M", "--log-level", "WARNING",
    ]  # fmt: skip


def client(server: Server) -> MongoClient[dict[str, Any]]:
    """For administration. The caller closes it."""
    return MongoClient(server.uri, directConnection=True, serverSelectionTimeoutMS=1000)


def _made(server: Server) -> bool:
    """Whether the user is there now."""
    try:
        with client(replace(server, user="", options={})) as opened:
            opened.admin.command("createUser", server.user, pwd=server.password, roles=["root"])
    except OperationFailure as error:
        return error.code == _EXISTS
    except PyMongoError:
        return False
    return True


_EXISTS = 51003  # MongoDB's code for a user that is there already
