"""The progress endpoint of this process: its certificate, its callers, its port. Owned by process.py.

Where it cannot be had (no namespace of our own, no right to a Secret) pods are told of no address, and all works but
for progress.
"""

from __future__ import annotations

import asyncio
import random
import ssl
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol
from urllib.parse import urlsplit

import structlog
from aiohttp import web

from forebay.endpoints import tls
from forebay.endpoints.callers import Callers, Judge
from forebay.endpoints.certificates import Material
from forebay.endpoints.progress import ProgressEndpoint, Put
from forebay.endpoints.web import Site
from forebay.errors import KubeError, Unavailable
from forebay.handlers.environment import Environment
from forebay.kube.port import SECRET, Kube, Ref

log = structlog.get_logger(__name__)
_AGAIN = (0.5, 1.0, 2.0, 5.0, 10.0, 15.0)  # seconds, jittered; the last one for ever


@dataclass(frozen=True)
class Prepared:
    """What is known before anything starts: settings with the CA in them, and the certificate."""

    environment: Environment
    judge: Judge | None = None
    material: Material | None = None


class Asked(Kube, Judge, Protocol):
    """An API server that also knows tokens."""


async def prepared(kube: Asked, environment: Environment) -> Prepared:
    """With a certificate, or with settings in which nothing is pushed."""
    if not environment.settings.progress_url:
        return Prepared(environment)
    if not environment.namespace:
        return _without(environment, "FOREBAY_NAMESPACE is not set")
    try:
        material = await _persist(kube, environment)
    except KubeError as error:
        return _without(environment, str(error))
    settings = replace(environment.settings, progress_ca=material.ca)
    return Prepared(replace(environment, settings=settings), kube, material)


async def _persist(kube: Kube, environment: Environment) -> Material:
    """However long the API server is away. Raises KubeError for a refusal."""
    tries = 0
    while True:
        try:
            return await tls.kept(kube, _ref(environment), _hosts(environment), datetime.now(UTC))
        except Unavailable as error:
            wait = _AGAIN[min(tries, len(_AGAIN) - 1)] * random.uniform(0.5, 1.0)
            tries += 1
            log.warning("no certificate yet", error=str(error), again_in=round(wait, 1))
            await asyncio.sleep(wait)


def _without(environment: Environment, why: str) -> Prepared:
    log.warning("progress is not pushed", why=why)
    return Prepared(replace(environment, settings=replace(environment.settings, progress_url="")))


class Pushed:
    """The endpoint. `put` takes progress; `count` is told of each answer."""

    def __init__(self, kube: Kube, start: Prepared, put: Put, count: Callable[[int], None]) -> None:
        self._kube, self._environment = kube, start.environment
        self._material = start.material
        self._tls: ssl.SSLContext | None = None
        self._app: web.Application | None = None
        if start.judge is not None and start.material is not None:
            self._tls = tls.context(start.material)
            self._app = ProgressEndpoint(Callers(start.judge, kube), put, count).app()

    def sites(self) -> tuple[Site, ...]:
        """The port for pods; () for none."""
        if self._app is None:
            return ()
        return (Site(self._app, self._environment.progress_port, self._tls),)

    async def run(self) -> None:
        """Looks after the certificate until it is cancelled."""
        if self._tls is not None and self._material is not None:
            ref, hosts = _ref(self._environment), _hosts(self._environment)
            await tls.keep(self._kube, ref, hosts, self._tls, self._material)


def _ref(environment: Environment) -> Ref:
    return Ref(SECRET, environment.namespace, f"{environment.name}-progress-tls")


def _hosts(environment: Environment) -> set[str]:
    return {urlsplit(environment.settings.progress_url).hostname or ""}
