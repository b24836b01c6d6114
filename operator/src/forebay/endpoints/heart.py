"""The heart: writes a beat into an object of ours and recognises it on the watch. Owned by the operator's process.

The object is a ConfigMap like those of stages, so it comes by the same watch. Its only field is the beat; the
writer's own mark is part of it, so that the beat of an earlier process proves nothing.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable

import structlog

from forebay.endpoints.pulse import EVERY, Pulse
from forebay.errors import KubeError
from forebay.kube.port import CONFIG_MAP, Kube, Obj, Ref
from forebay.manifests.labels import MANAGED_BY

log = structlog.get_logger(__name__)
BEAT = "beat"  # the key of its data
_SOON = 5.0  # seconds from a beat that was not taken to the next


class Heart:
    """One heartbeat object, named by `ref`."""

    def __init__(
        self, kube: Kube, ref: Ref, pulse: Pulse, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kube = kube
        self._ref = ref
        self._clock = clock
        self._mark = uuid.uuid4().hex[:8]
        self._trouble = ""
        self.pulse = pulse

    async def run(self) -> None:
        """Beats until it is cancelled."""
        while True:
            taken = await self.beat()
            await asyncio.sleep(EVERY if taken else _SOON)

    async def beat(self) -> bool:
        """Writes one beat; whether the API server took it."""
        number = self.pulse.next
        try:
            await self._kube.apply(self._object(number))
        except KubeError as error:
            self.pulse.failed()
            self._say(type(error).__name__, str(error))
            return False
        self.pulse.written(number, self._clock())
        self._say("")
        return True

    def hears(self, obj: Obj) -> bool:
        """Whether an object of a watch is the heartbeat; if it is, nobody else has to look at it."""
        meta = obj["metadata"]
        name = obj["kind"], meta.get("namespace"), meta["name"]
        if name != (CONFIG_MAP.kind, self._ref.namespace, self._ref.name):
            return False
        mark, _, number = str((obj.get("data") or {}).get(BEAT, "")).partition("/")
        if mark == self._mark and number.isdecimal():
            self.pulse.heard(int(number), self._clock())
        return True

    def _object(self, number: int) -> Obj:
        return {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": {
                "name": self._ref.name,
                "namespace": self._ref.namespace,
                "labels": {MANAGED_BY: "forebay"},
            },
            "data": {BEAT: f"{self._mark}/{number}"},
        }

    def _say(self, trouble: str, error: str = "") -> None:
        """Once when it changes, not with every beat."""
        if trouble and trouble != self._trouble:
            log.warning("the heartbeat is not taken", heartbeat=self._ref.name, error=error)
        elif self._trouble and not trouble:
            log.info("the heartbeat is taken again", heartbeat=self._ref.name)
        self._trouble = trouble
