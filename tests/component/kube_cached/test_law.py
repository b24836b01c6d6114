"""However events, own writes, lists and repetitions are mixed: in the end memory holds what the server holds."""

import asyncio
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from forebay.kube.cached import CachedKube
from forebay.kube.port import JOB, POD, RUN, Ref
from forebay.kube.slim import slim
from tests.component.kube_cached.server import Server

OURS = {"app.kubernetes.io/managed-by": "forebay"}
WATCHED = {RUN: {}, JOB: OURS, POD: OURS}
NAMES = ("a", "b")


def job(name, number, labels=OURS):
    meta = {"name": name, "namespace": "shop", "labels": {**labels, "owner": "x"}}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"parallelism": number},
    }


class World:
    """A server, a cache, and the events that the server has told but nobody has heard."""

    def __init__(self, folder):
        self.server = Server(folder / "db")
        self.cached = CachedKube(self.server, WATCHED, ("owner",))
        self.told = []  # in order, as a watch gives them
        self.late = []  # own writes that were made and not yet answered
        self.number = 0
        self.listing = None  # a list that was asked for and not yet read
        self.gap = False  # events were lost: a list must follow

    async def start(self):
        self.stream = []
        self.pump = asyncio.create_task(self._pump())
        for kind in WATCHED:
            await self.cached.sync(kind)

    async def _pump(self):
        async for event in self.server.kube.watch(JOB):
            self.stream.append(event)

    async def drain(self):
        """All that the server has told by now."""
        before = -1
        while before != len(self.stream):
            before = len(self.stream)
            await asyncio.sleep(0.005)
        self.told += self.stream
        self.stream.clear()

    async def step(self, word, name):
        self.number += 1
        ref = Ref(JOB, "shop", name)
        if word == "foreign write":
            await self.server.kube.apply(job(name, self.number), manager="user")
        elif word == "foreign delete":
            await self.server.kube.delete(ref)
        elif word == "own write":
            await self.cached.apply(job(name, self.number))
        elif word == "own delete":
            await self.cached.delete(ref)
        elif word == "slow own write":
            gate = self.server.answer = asyncio.Event()
            task = asyncio.create_task(self.cached.apply(job(name, self.number)))
            self.late.append((gate, task))
            await asyncio.sleep(0)
        else:
            await self.news(word)

    async def news(self, word):
        if word == "late answer" and self.late:
            await self.answer(*self.late.pop(0))
        elif word in ("hear", "hear again") and self.told:
            event = self.told.pop(0) if word == "hear" else self.told[0]
            self.cached.hear(event.type, event.object)
        elif word == "told":
            await self.drain()
        elif word == "list":
            await self.cached.sync(JOB)
        elif word == "list begins" and self.listing is None:
            self.gate = self.server.gate = asyncio.Event()
            self.listing = asyncio.create_task(self.cached.sync(JOB))
            await asyncio.sleep(0)
        elif word == "list ends":
            await self.list_ends()
        elif word == "gap":
            await self.drain()
            self.told.clear()
            self.gap = True

    async def answer(self, gate, task):
        gate.set()
        await task

    async def list_ends(self):
        if self.listing is not None:
            self.gate.set()
            await self.listing
            self.listing = None

    async def end(self, order):
        await self.drain()
        for part in order:
            if part == "answers":
                for late in self.late:
                    await self.answer(*late)
            elif part == "events":
                for event in self.told:
                    self.cached.hear(event.type, event.object)
            else:
                await self.list_ends()
                if self.gap:
                    await self.cached.sync(JOB)

    async def close(self):
        self.pump.cancel()
        await asyncio.gather(self.pump, return_exceptions=True)
        await self.server.close()


WORDS = (
    "foreign write", "foreign delete", "own write", "own delete", "slow own write", "late answer",
    "hear", "hear again", "list", "list begins", "list ends", "gap", "told",
)  # fmt: skip


async def play(steps, order):
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        await world.start()
        await world.drain()
        for word, name in steps:
            await world.step(word, name)
        await world.end(order)
        there = [slim(obj) for obj in await world.server.kube.list(JOB, "shop")]
        remembered = await world.cached.list(JOB, "shop", {"owner": "x"})
        await world.close()
        assert remembered == there


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(NAMES)), max_size=25),
    st.permutations(("answers", "events", "list")),
)
def test_any_mixture_of_news_leaves_memory_as_the_server_is(steps, order):
    asyncio.run(play(steps, order))
