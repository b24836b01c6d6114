"""Starts, finds, kills and ends servers by name. Called by __main__, tests and benches.

Each server has a folder `NAME` of its own below the state folder: server.json (address and password, for its
owner alone), pids/, log/, pki/, conf/, data/. Only a folder with server.json is ever removed.
"""

from __future__ import annotations

import importlib
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from harness import folders
from harness.folders import StateFolder, locked
from harness.processes import Processes
from harness.servers import ports
from harness.servers.datastore import objects
from harness.servers.recipe import Recipe
from harness.servers.server import HOST, Server

RECIPES: Mapping[str, tuple[str, str]] = {
    "kafka": ("harness.servers.kafka", "Kafka"),
    "cassandra": ("harness.servers.cassandra", "Cassandra"),
    "mongodb": ("harness.servers.mongodb", "MongoDB"),
    "couchbase": ("harness.servers.couchbase", "Couchbase"),
    "hbase": ("harness.servers.hbase", "HBase"),
    "dynamodb": ("harness.servers.dynamodb", "DynamoDB"),
}
"""Imported when they are used: a recipe needs its driver."""
_WHERE = (
    "SERVERS_HOST"  # of the environment: the address of a new server, where loopback is not enough
)
_START = 180  # seconds at most until a server answers
_STOP = 40  # seconds at most for a server to end by itself


def recipe(name: str) -> Recipe:
    """How that server is made. RuntimeError for a name that is not known."""
    _check_name(name)
    module, of = RECIPES[name]
    return cast("Recipe", getattr(importlib.import_module(module), of)())


def up(name: str, root: Path | None = None) -> Server:
    """Starts the server, on its data if it has some, and returns when it answers; one that runs is left alone."""
    how, folder = recipe(name), _folder(name, root)
    programs = how.install()
    with _held(folder, name):
        server = _known(folder) or _new(name, how, folder)
        processes = Processes(folder)
        if processes.pid(name) is None:
            ports.check(name, [server.port, *server.ports.values()])
            how.prepare(programs, folder, server)
            processes.start(name, how.command(programs, folder, server))
        processes.wait(name, lambda: how.answers(server), _START)
    return server


start = up
"""After `kill` or `stop`: the same server on the same data and port."""


def running(name: str, root: Path | None = None) -> Server | None:
    """The server if its process runs; None when it does not."""
    folder = _folder(name, root)
    return _known(folder) if Processes(folder).pid(name) else None


def description(name: str, root: Path | None = None) -> dict[str, Any]:
    """What programs want to know of it; without an address when there is none of that name."""
    folder = _folder(name, root)
    server = _known(folder)
    told: dict[str, Any] = {
        "name": name,
        "product": _product(name),
        "running": Processes(folder).pid(name) is not None,
        "log": str(folder.root / "log" / f"{name}.log"),
    }
    if server is not None:
        told |= {"address": server.address, "user": server.user, "objects": objects(server)}
    return told


def _product(name: str) -> str:
    try:
        return recipe(name).product
    except ImportError as error:
        return f"cannot be started: {error}"


def kill(name: str, root: Path | None = None) -> None:
    """SIGKILL: as a crash ends it. Its data stay."""
    Processes(_folder(name, root)).kill(name)


def stop(name: str, root: Path | None = None) -> None:
    """SIGTERM, and waits for its end. Its data stay."""
    folder = _folder(name, root)
    if _known(folder):
        with _held(folder, name):
            Processes(folder).stop(name, _STOP)


def down(name: str, root: Path | None = None) -> None:
    """Ends it and removes its folder. RuntimeError for a folder that is no server's."""
    folder = _folder(name, root)
    if not folder.root.exists():
        return
    _check(folder)
    with _held(folder, name):
        processes = Processes(folder)
        for program in processes.names():
            processes.stop(program, _STOP)
        shutil.rmtree(folder.root, ignore_errors=True)


def _check_name(name: str) -> None:
    if name not in RECIPES:
        raise RuntimeError(f"no server {name!r} (there are: {', '.join(RECIPES)})")


def _folder(name: str, root: Path | None) -> StateFolder:
    _check_name(name)
    return StateFolder((root or folders.servers()) / name)


@contextmanager
def _held(folder: StateFolder, name: str) -> Iterator[None]:
    """One `up`, `stop` or `down` of a server at a time. The lock lies beside the folder, which may go meanwhile."""
    folder.root.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.root.parent, f"{name}.lock"):
        yield


def _file(folder: StateFolder) -> Path:
    return folder.root / "server.json"


def _check(folder: StateFolder) -> None:
    if folder.root.exists() and any(folder.root.iterdir()) and not _file(folder).exists():
        raise RuntimeError(f"{folder.root} is no server's folder: set SERVERS_DIR to a new one")


def _known(folder: StateFolder) -> Server | None:
    return Server.read(_file(folder)) if _file(folder).exists() else None


def _new(name: str, how: Recipe, folder: StateFolder) -> Server:
    _check(folder)
    first = ports.choose(name, how.port, 1 + len(how.others))
    made = Server(
        name=name,
        port=first,
        host=os.environ.get(_WHERE) or HOST,
        user=how.user,
        password=secrets.token_urlsafe(16),
        ports={what: first + number for number, what in enumerate(how.others, 1)},
        options=how.options,
        folder=str(folder.root),
    )
    ports.check(name, [made.port, *made.ports.values()])
    folder.folder()
    made.write(_file(folder))
    return made
