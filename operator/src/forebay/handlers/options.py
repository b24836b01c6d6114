"""kopf's own settings: it only listens. It posts no events, pauses for no peer and never stops trying."""

from __future__ import annotations

import random
from collections.abc import Iterator

import kopf

from forebay.kube.port import CONFIG_MAP, JOB, K8S_DEPLOYMENT, POD, SERVICE, Kind
from forebay.manifests.labels import MANAGED_BY

CHILDREN: tuple[Kind, ...] = (JOB, POD, CONFIG_MAP, SERVICE, K8S_DEPLOYMENT)
_FIRST, _LAST = 0.5, 30.0  # seconds
_PAGE = 500  # objects of one answer to a list


class BackOff:
    """Delays in seconds, doubled up to a limit, spread by half, without end: kopf's own list ends, then it is deaf."""

    def __iter__(self) -> Iterator[float]:
        """A new sequence from the shortest delay."""
        wait = _FIRST
        while True:
            yield wait * random.uniform(0.5, 1.0)
            wait = min(wait * 2, _LAST)


def group_of(kind: Kind) -> tuple[str, str, str]:
    """(group, version, plural) as kopf's decorators take them; the core group is the empty one."""
    group, _, version = kind.api_version.rpartition("/")
    return group, version, kind.plural


def configure(settings: kopf.OperatorSettings) -> None:
    """Called once, before anything is watched."""
    settings.posting.enabled = False
    settings.peering.standalone = True
    settings.networking.error_backoffs = BackOff()
    settings.queueing.error_delays = BackOff()
    settings.watching.chunk_size = _PAGE
    for kind in CHILDREN:
        settings.watching.label_selectors[group_of(kind)] = f"{MANAGED_BY}=forebay"
