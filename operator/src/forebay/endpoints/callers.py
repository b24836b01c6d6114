"""Who pushes progress: a pod of a stage, proven by its token and found among our objects.

A token is bound to its pod and meant for this endpoint alone, so a pod can only speak for the run that it was
made for. The API server is asked once per token and then not for some minutes; so a flood costs it nothing.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from forebay.endpoints.limits import Buckets
from forebay.errors import ForebayError
from forebay.kube.port import PIPELINE, POD, RUN, Kube, Obj, Ref
from forebay.manifests.labels import (
    MANAGED_BY,
    OWNER_KIND,
    OWNER_NAME,
    OWNER_UID,
    STAGE_NAME,
    is_child_of,
    labels_of,
)
from forebay.manifests.progress import AUDIENCE
from forebay.reconcile.progress import board_name

_EXTRA = "authentication.kubernetes.io/pod-"
_ACCOUNT = "system:serviceaccount:"
_KNOWN = 300.0  # seconds that a caller is known
_KEPT = 4096  # answers
_NOBODY, _FOREIGNER, _LATER = 401, 403, 429
_OWNERS = {kind.kind: kind for kind in (RUN, PIPELINE)}
_WORDS = {_NOBODY: "no such caller", _FOREIGNER: "not a stage's pod"}
_KEEP = {_NOBODY: 60.0, _FOREIGNER: 10.0}  # seconds that a refusal is kept
_LONGEST = 4096  # characters of a token
_REVIEWS = (10.0, 50.0)  # questions to the API server: a second, at once


class Judge(Protocol):
    """Knows tokens: the API server."""

    async def review(self, token: str, audience: str) -> Obj:
        """The status of a TokenReview. Raises KubeError."""


@dataclass(frozen=True)
class Caller:
    """A pod of a run's stage, or of a pipeline's stream."""

    namespace: str
    run: str  # as the board of progress knows it
    stage: str
    pod: str  # uid


class Refused(ForebayError):  # noqa: N818 - an answer, not a fault
    """Not let in; `status` is the HTTP answer, `wait` the seconds after which to come again."""

    def __init__(self, status: int, message: str, wait: float = 0.0) -> None:
        self.status, self.wait = status, wait
        super().__init__(message)


class Callers:
    """Callers by their tokens; of a token only a digest is kept."""

    def __init__(
        self, judge: Judge, kube: Kube, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._judge, self._kube, self._clock = judge, kube, clock
        self._answers: OrderedDict[bytes, tuple[float, Caller | int]] = OrderedDict()
        self._reviews = Buckets(*_REVIEWS, kept=1)

    async def of(self, token: str) -> Caller:
        """The caller. Raises Refused (401, 403, 429), and KubeError when the API server cannot say."""
        if not token or len(token) > _LONGEST or not token.isascii():
            raise Refused(_NOBODY, "no token")
        key = hashlib.sha256(token.encode()).digest()
        until, answer = self._answers.get(key, (0.0, 0))
        if until <= self._clock():
            answer = await self._ask(token)
            self._keep(key, answer)
        if isinstance(answer, int):
            raise Refused(answer, _WORDS[answer])
        return answer

    async def _ask(self, token: str) -> Caller | int:
        if wait := self._reviews.wait("", self._clock()):
            raise Refused(_LATER, "too many new callers", wait)
        status = await self._judge.review(token, AUDIENCE)
        if not status.get("authenticated") or AUDIENCE not in (status.get("audiences") or ()):
            return _NOBODY
        return await self._stage(status.get("user") or {}) or _FOREIGNER

    async def _stage(self, user: Obj) -> Caller | None:
        """The stage whose pod it is; None for any other holder of a token."""
        extra = user.get("extra") or {}
        account = str(user.get("username", ""))
        name, uid = (str((extra.get(_EXTRA + part) or [""])[0]) for part in ("name", "uid"))
        if not account.startswith(_ACCOUNT) or not name or not uid:
            return None
        namespace = account.removeprefix(_ACCOUNT).partition(":")[0]
        pod = await self._kube.get(Ref(POD, namespace, name))
        if pod is None or pod["metadata"]["uid"] != uid:
            return None
        labels = labels_of(pod)
        kind = _OWNERS.get(labels.get(OWNER_KIND, ""))
        if labels.get(MANAGED_BY) != "forebay" or kind is None:
            return None
        if not labels.get(STAGE_NAME) or not labels.get(OWNER_UID):
            return None
        owner = await self._kube.get(Ref(kind, namespace, labels.get(OWNER_NAME, "")))
        if owner is None or not is_child_of(pod, owner):
            return None
        heard = board_name(kind.kind, owner["metadata"]["name"]) or ""
        return Caller(namespace, heard, labels[STAGE_NAME], uid)

    def _keep(self, key: bytes, answer: Caller | int) -> None:
        for_seconds = _KEEP[answer] if isinstance(answer, int) else _KNOWN
        self._answers.pop(key, None)
        self._answers[key] = (self._clock() + for_seconds, answer)
        while len(self._answers) > _KEPT:
            self._answers.popitem(last=False)
