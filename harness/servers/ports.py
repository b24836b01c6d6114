"""The ports of a server: those that its recipe names, or free ones, always in a row. Called by life.py."""

from __future__ import annotations

import os
import random
import socket
import time

FREE = "free"
_LOW, _HIGH, _STEP = 20_000, 30_000, 10  # below those that the kernel gives to clients
_PATIENCE = 5.0  # seconds: a process that was killed may hold its ports a little longer


def variable(name: str) -> str:
    """Of the environment: the first port of a new server, a number or `free`."""
    return f"SERVERS_PORT_{name.upper()}"


def choose(name: str, usual: int, count: int) -> int:
    """The first of `count` ports in a row. RuntimeError when the environment asks for what cannot be."""
    wanted = os.environ.get(variable(name), str(usual))
    if wanted == FREE:
        return _free(count)
    if not wanted.isdigit():
        raise RuntimeError(f"{variable(name)}={wanted}: give a number, or {FREE}")
    return int(wanted)


def check(name: str, ports: list[int], seconds: float = _PATIENCE) -> None:
    """RuntimeError when somebody else listens on one of them, and goes on doing so."""
    end = time.monotonic() + seconds
    for port in ports:
        while not _is_free(port):
            if time.monotonic() < end:
                time.sleep(0.1)
                continue
            raise RuntimeError(
                f"port {port}, which {name} needs, is taken by another program: end that, or start "
                f"{name} elsewhere with {variable(name)}={FREE} and another SERVERS_DIR"
            )


def _free(count: int) -> int:
    bases = random.sample(range(_LOW, _HIGH, _STEP), (_HIGH - _LOW) // _STEP)
    for base in bases:
        if all(_is_free(port) for port in range(base, base + count)):
            return base
    raise RuntimeError(f"no {count} free ports in a row between {_LOW} and {_HIGH}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # closed connections may linger
        try:
            probe.bind(("", port))  # at any address: some of a server's ports stay on loopback
        except OSError:
            return False
    return True
