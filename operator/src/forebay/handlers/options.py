"""kopf's own settings: it only listens. It posts no events, pauses for no peer and never stops trying."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import kopf

from forebay.handlers.nohistory import NoDiffBase, NoProgress
from forebay.kube.port import CONFIG_MAP, JOB, K8S_DEPLOYMENT, OWN_KINDS, POD, SERVICE, Kind
from forebay.manifests.labels import MANAGED_BY

CHILDREN: tuple[Kind, ...] = (JOB, POD, CONFIG_MAP, SERVICE, K8S_DEPLOYMENT)
WATCHED: Mapping[Kind, Mapping[str, str]] = {
    **{kind: {} for kind in OWN_KINDS},
    **{kind: {MANAGED_BY: "forebay"} for kind in CHILDREN},
}
"""What is listened to, and the labels by which the API server is to choose."""

_FIRST, _LAST = 0.5, 15.0  # seconds
_PAGE = 50  # objects of one answer to a list: all kinds are listed at once, a pod is 40 KiB
_SERVER, _CLIENT, _CONNECT = 300, 330, 10  # seconds of a watch: its end, a lost end, its beginning
_REQUEST = 30  # seconds of any other request
_SILENCE = 70.0  # seconds: bookmarks come every minute, so a longer silence is a dead connection
_IDLE = 0.2  # seconds that kopf keeps a task for an object of which nothing new is heard


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
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()
    settings.networking.error_backoffs = BackOff()
    settings.queueing.error_delays = BackOff()
    settings.queueing.worker_limit = None  # kopf waits for ever when indices and a limit meet
    settings.queueing.idle_timeout = _IDLE
    settings.scanning.disabled = True  # it would need rights on namespaces and CRDs
    settings.watching.chunk_size = _PAGE
    settings.watching.server_timeout = _SERVER
    settings.watching.client_timeout = _CLIENT
    settings.watching.connect_timeout = _CONNECT
    settings.watching.inactivity_timeout = _SILENCE
    settings.networking.connect_timeout = _CONNECT
    settings.networking.request_timeout = _REQUEST
    for kind, labels in WATCHED.items():
        if labels:
            chosen = ",".join(f"{name}={value}" for name, value in labels.items())
            settings.watching.label_selectors[group_of(kind)] = chosen
