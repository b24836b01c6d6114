"""A watch on a real API server that never ends by itself: lists, watches from there, resumes, lists again.

Called by cluster.py. What is remembered of an object between events is its metadata only, so that a deletion
that was missed can still be told with labels and owner.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Any

import structlog

from forebay.errors import KubeError, Unavailable
from forebay.kube.cluster_answers import GONE, error
from forebay.kube.cluster_http import Http
from forebay.kube.port import Kind, Obj, WatchEvent

log = structlog.get_logger(__name__)
List = Callable[[], Awaitable[tuple[list[Obj], str]]]
"""Gives all objects and the list's resourceVersion."""

_SERVER_SECONDS = 290  # the server ends a watch after this; the next one goes on where it ended
_SILENCE = 90.0  # seconds: bookmarks come every minute, so a longer silence is a dead connection
_RECONNECT = 0.1  # seconds between a watch that the server ended and the next
_BACK_OFF = (0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # seconds, jittered; the last one for ever


class Watch:
    """One watch. Iterate `events()` once."""

    def __init__(self, http: Http, kind: Kind, path: str, lister: List) -> None:
        self._http = http
        self._kind = kind
        self._path = path
        self._list = lister
        self._known: dict[str, Obj] = {}  # by uid
        self._version: str | None = None  # None: a list is needed
        self._failures = 0

    async def events(self) -> AsyncGenerator[WatchEvent, None]:
        """ADDED for what is there, then each change. Raises KubeError for what no retry would cure."""
        while True:
            try:
                if self._version is None:
                    for event in await self._relist():
                        yield event
                async for event in self._stream():
                    yield event
                await asyncio.sleep(_RECONNECT)
            except Unavailable as broken:
                await self._pause(broken)
            except KubeError as refused:
                if refused.code != GONE:
                    raise
                self._version = None
                await self._pause(refused)

    async def _pause(self, broken: KubeError) -> None:
        wait = _BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)] * random.uniform(0.5, 1.0)
        self._failures += 1
        log.warning("watch broke", kind=self._kind.kind, error=str(broken), again_in=round(wait, 1))
        await asyncio.sleep(wait)

    async def _relist(self) -> list[WatchEvent]:
        """The difference between what was known and what is there now."""
        objects, version = await self._list()
        found = {obj["metadata"]["uid"]: obj for obj in objects}
        gone = [known for uid, known in self._known.items() if uid not in found]
        events = [WatchEvent("DELETED", obj) for obj in gone]
        for uid, obj in found.items():
            before = self._known.get(uid)
            if before is None:
                events.append(WatchEvent("ADDED", obj))
            elif _version(before) != _version(obj):
                events.append(WatchEvent("MODIFIED", obj))
        self._known = {uid: _slim(obj) for uid, obj in found.items()}
        self._version = version
        return events

    async def _stream(self) -> AsyncIterator[WatchEvent]:
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", str(self._version)),
            ("timeoutSeconds", str(_SERVER_SECONDS)),
        ]
        async with self._http.stream(self._path, query, _SILENCE) as chunks:
            async for line in _lines(chunks):
                event = self._event(json.loads(line))
                self._failures = 0
                if event is not None:
                    yield event

    def _event(self, raw: dict[str, Any]) -> WatchEvent | None:
        obj, kind = raw["object"], raw["type"]
        if kind == "ERROR":
            raise error(int(obj.get("code") or GONE), json.dumps(obj))
        self._version = _version(obj)
        if kind == "BOOKMARK":
            return None
        uid = obj["metadata"]["uid"]
        if kind == "DELETED":
            self._known.pop(uid, None)
        else:
            self._known[uid] = _slim(obj)
        return WatchEvent(kind, obj)


def _version(obj: Obj) -> str:
    return str(obj["metadata"]["resourceVersion"])


def _slim(obj: Obj) -> Obj:
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("managedFields", "annotations")}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines of a stream, however it was cut; one line may be larger than any buffer of the client."""
    parts: list[bytes] = []
    async for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            line = b"".join([*parts, end])
            parts = []
            if line.strip():
                yield line
        if rest:
            parts.append(rest)
