"""Which optional APIs there are: asked for rarely, known as they were when nobody answers."""

from __future__ import annotations

import asyncio

import pytest

from forebay.errors import Forbidden, NotFound, Unavailable
from forebay.kube.discovery import FRESH, OPTIONAL, Discovery

KEDA = "keda.sh/v1alpha1"


class Server:
    """Serves the kinds of each installed group; a group in `broken` answers with that error."""

    def __init__(self):
        self.installed = {}
        self.broken = {}
        self.asked = []
        self.now = 0.0

    async def ask(self, path):
        version = path.removeprefix("/apis/")
        self.asked.append(version)
        await asyncio.sleep(0)
        if version in self.broken:
            raise self.broken[version]
        if version not in self.installed:
            raise NotFound(404, "NotFound", "the server could not find the requested resource")
        return {"resources": [{"kind": kind} for kind in self.installed[version]]}


@pytest.fixture
def server():
    return Server()


@pytest.fixture
def discovery(server):
    return Discovery(server.ask, clock=lambda: server.now)


async def test_a_cluster_without_any_of_them_has_none(discovery):
    assert await discovery.apis() == frozenset()


async def test_a_kind_is_named_by_group_version_and_kind(server, discovery):
    server.installed[KEDA] = ["ScaledObject", "ScaledJob"]
    assert await discovery.apis() == {"keda.sh/v1alpha1/ScaledObject"}


async def test_a_group_that_serves_other_kinds_only_counts_as_absent(server, discovery):
    server.installed[KEDA] = ["ScaledJob"]
    assert await discovery.apis() == frozenset()


async def test_all_who_ask_at_once_share_one_look(server, discovery):
    await asyncio.gather(*(discovery.apis() for _ in range(20)))
    assert sorted(server.asked) == sorted(OPTIONAL)


async def test_what_is_installed_later_is_seen_after_half_a_minute(server, discovery):
    await discovery.apis()
    server.installed[KEDA] = ["ScaledObject"]
    server.now = FRESH - 1
    assert await discovery.apis() == frozenset()
    server.now = FRESH
    assert await discovery.apis() == {"keda.sh/v1alpha1/ScaledObject"}


async def test_what_is_uninstalled_goes_too(server, discovery):
    server.installed[KEDA] = ["ScaledObject"]
    await discovery.apis()
    del server.installed[KEDA]
    server.now = FRESH
    assert await discovery.apis() == frozenset()


@pytest.mark.parametrize("kind", [Unavailable, Forbidden])
async def test_a_group_that_cannot_be_asked_is_what_it_was_and_is_asked_again_soon(
    server, discovery, kind
):
    server.installed[KEDA] = ["ScaledObject"]
    await discovery.apis()
    server.broken[KEDA] = kind(503, "Unavailable", "later")
    server.now = FRESH
    assert await discovery.apis() == {"keda.sh/v1alpha1/ScaledObject"}
    del server.broken[KEDA], server.installed[KEDA]
    server.now += 5
    assert await discovery.apis() == frozenset()


async def test_a_group_that_never_answered_is_not_guessed_to_be_absent(server, discovery):
    server.broken[KEDA] = Unavailable(503, "Unavailable", "later")
    with pytest.raises(Unavailable):
        await discovery.apis()
    del server.broken[KEDA]
    assert await discovery.apis() == frozenset()
