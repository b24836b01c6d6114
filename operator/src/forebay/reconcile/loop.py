"""The Reconciler: wakes objects, lets each have its pass, backs off when something is in the way.

Owned by the embedded plane and by the operator's start-up; handlers only call `wake`. It decides nothing
about objects: that is in plan/, one function per kind in KINDS.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import structlog

from forebay.api.reasons import Reason
from forebay.errors import Conflict, Forbidden, Foreign, Invalid, KubeError, Terminating
from forebay.kube.port import (
    DATASTORE,
    DEPLOYMENT,
    MODEL_VERSION,
    PIPELINE,
    RUN,
    Kind,
    Kube,
    Obj,
    Ref,
)
from forebay.plan import datastore, modeldeployment, modelversion, pipeline, run
from forebay.plan.conditions import Conditions
from forebay.plan.retention import FINISHED, run_phase
from forebay.plan.types import Observed, Plan
from forebay.reconcile import transitions
from forebay.reconcile.execute import NameTaken, execute, status_object
from forebay.reconcile.gather import gather
from forebay.reconcile.lookouts import Lookouts
from forebay.reconcile.progress import ProgressBoard, board_name, spoken_of
from forebay.reconcile.recorder import AtOnce, Recorder
from forebay.reconcile.statusdiff import seconds_to_write
from forebay.reconcile.transitions import Witness
from forebay.reconcile.wakeset import WakeSet
from forebay.settings import Settings
from forebay_workloads.contract import Progress

log = structlog.get_logger(__name__)

KINDS: Mapping[Kind, Callable[[Observed, Settings], Plan]] = {
    DATASTORE: datastore.plan,
    PIPELINE: pipeline.plan,
    RUN: run.plan,
    MODEL_VERSION: modelversion.plan,
    DEPLOYMENT: modeldeployment.plan,
}
_FRESH_TRIES = 5  # passes from a fresh gather before a conflict counts as an error
_PERMANENT: Mapping[type[KubeError], Reason] = {
    Forbidden: Reason.Forbidden,
    Foreign: Reason.NameConflict,
    Invalid: Reason.InvalidSpec,
}


class Watcher(Protocol):
    """Told of each pass, for metrics."""

    def __call__(self, kind: str, outcome: str, seconds: float) -> None:
        """`outcome` is ok, gone or error."""


def utc_now() -> datetime:
    """The clock of production."""
    return datetime.now(UTC)


class Reconciler:
    """One pass per object at a time, `settings.workers` objects at the same time."""

    def __init__(
        self,
        kube: Kube,
        settings: Settings,
        *,
        clock: Callable[[], datetime] = utc_now,
        board: ProgressBoard | None = None,
        watcher: Watcher | None = None,
        recorder: Recorder | None = None,
        witness: Witness | None = None,
    ) -> None:
        self._kube = kube
        self._settings = settings
        self._clock = clock
        self.board = board or ProgressBoard()
        self._watcher = watcher
        self._recorder = recorder or AtOnce(kube)
        self._witness = witness
        self._wakes = WakeSet()
        self._failures: Counter[Ref] = Counter()
        self._lookouts = Lookouts()

    def wake(self, ref: Ref) -> None:
        """The object has to be looked at. Cheap; bursts collapse into one pass.

        What somebody made and nobody has looked at yet comes first: everyone has a status before anyone's runs go on.
        """
        if ref.kind in KINDS:
            self._wakes.add(ref, first=ref.kind != RUN and ref not in self._lookouts)

    def wake_later(self, ref: Ref, seconds: float) -> None:
        """The same in `seconds`, unless something earlier is set."""
        if ref.kind in KINDS:
            self._wakes.add_later(ref, seconds)

    def wake_dependents(self, obj: Obj) -> None:
        """Wakes every object whose last decision looked at `obj`, or for one like it."""
        for ref in self._lookouts.looking_at(obj):
            self._wakes.add(ref)

    async def run(self) -> None:
        """Works until it is cancelled."""
        stop = self.board.listen(self._heard)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._settings.workers):
                    group.create_task(self._work())
        finally:
            stop()
            self._wakes.close()

    @property
    def queued(self) -> int:
        """Objects that wait for a pass."""
        return len(self._wakes)

    @property
    def urgent(self) -> bool:
        """Whether objects of somebody's own wait for their first pass."""
        return self._wakes.urgent

    async def idle(self) -> None:
        """Returns when nothing is due and nothing in work; what is due later does not count."""
        await self._wakes.quiet()

    async def reconcile(self, ref: Ref) -> float | None:
        """One pass over one object; seconds until the next one. Raises KubeError when it cannot be made."""
        extra: set[Ref] = set()
        for _ in range(_FRESH_TRIES):
            obj = await self._kube.get(ref)
            if obj is None:
                self._forget(ref)
                return None
            try:
                return await self._pass(ref, obj, extra)
            except NameTaken as taken:
                extra.add(taken.ref)
            except Conflict as conflict:
                log.debug(
                    "planned again", name=ref.name, kind=ref.kind.kind, conflict=conflict.message
                )
        raise Conflict(
            409, "Conflict", f"{ref.kind.kind} {ref.name} changes faster than it can be read"
        )

    async def _pass(self, ref: Ref, obj: Obj, extra: Iterable[Ref]) -> float | None:
        meta, before = obj["metadata"], obj.get("status") or {}
        structlog.contextvars.bind_contextvars(uid=meta["uid"], generation=meta.get("generation"))
        try:
            plan, again = await self._decide(ref, obj, extra)
        except (Forbidden, Foreign, Invalid) as error:
            await self._explain(ref, obj, error)
            raise
        self._tell(ref, before, before if plan.status is None else plan.status)
        if ref.kind == RUN and run_phase(obj) in FINISHED:
            self.board.forget(ref.namespace, ref.name)
        return again

    async def _decide(self, ref: Ref, obj: Obj, extra: Iterable[Ref]) -> tuple[Plan, float | None]:
        """Gather, plan, execute: what was carried out, and the seconds until the next pass."""
        gathered = await gather(self._kube, obj, self._clock(), self._settings, self.board, extra)
        self._lookouts.note(ref, gathered.looked_at)
        plan = KINDS[ref.kind](gathered.observed, self._settings)
        observed = gathered.observed
        return plan, await execute(self._kube, observed, plan, self._settings, self._recorder)

    def _tell(self, ref: Ref, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """To the log and to who counts states."""
        transitions.tell(before, after)
        if self._witness is not None:
            self._witness(ref, before, after)

    async def _explain(self, ref: Ref, obj: Obj, error: KubeError) -> None:
        """Says in the object's own conditions that the API refuses what it needs, and which verb it was."""
        now = self._clock()
        conditions = Conditions(obj, (), now)
        known = {c["type"] for c in conditions.items()}
        conditions.stalled(_PERMANENT[type(error)], error.message)
        others = [c for c in _conditions(obj) if c["type"] not in known]
        status = {**(obj.get("status") or {}), "conditions": [*conditions.items(), *others]}
        if seconds_to_write(obj.get("status") or {}, status, now, 0.0) == 0.0:
            await self._kube.apply(status_object(obj, status), subresource="status")
            self._tell(ref, obj.get("status") or {}, status)

    def _heard(self, namespace: str, name: str, _progress: Progress) -> None:
        self._wakes.add_later(spoken_of(namespace, name), self._settings.status_interval)

    def _forget(self, ref: Ref) -> None:
        self._lookouts.forget(ref)
        if self._witness is not None:
            self._witness(ref, {}, None)
        self._failures.pop(ref, None)
        if (name := board_name(ref.kind.kind, ref.name)) is not None:
            self.board.forget(ref.namespace, name)

    async def _work(self) -> None:
        while True:
            ref = await self._wakes.take()
            started = time.monotonic()
            outcome = "error"
            about = {"kind": ref.kind.kind, "namespace": ref.namespace, "object": ref.name}
            try:
                with structlog.contextvars.bound_contextvars(**about, uid="", generation=0):
                    outcome = await self._attempt(ref)
            finally:
                self._wakes.done(ref)
                if self._watcher is not None:
                    self._watcher(ref.kind.kind, outcome, time.monotonic() - started)

    async def _attempt(self, ref: Ref) -> str:
        """One pass that never raises: whatever is in the way is logged and tried again, later and later."""
        asked = 0.0  # seconds, by the server
        try:
            again = await self.reconcile(ref)
        except Terminating as error:  # its end wakes us
            log.debug("namespace goes", kind=ref.kind.kind, name=ref.name, error=str(error))
        except KubeError as error:
            asked = error.wait
            log.warning("pass failed", kind=ref.kind.kind, name=ref.name, error=str(error))
        except Exception:  # one object's bug must not stop the others
            log.exception("pass crashed", kind=ref.kind.kind, name=ref.name)
        else:
            self._failures.pop(ref, None)
            if again is not None:
                self._wakes.add_later(ref, again)
            return "ok" if ref in self._lookouts else "gone"
        self._wakes.add_later(ref, max(asked, self._back_off(ref)))
        return "error"

    def _back_off(self, ref: Ref) -> float:
        """Seconds to wait: doubled with each failure, capped, and spread so that not all come at once."""
        tries = self._failures[ref]
        self._failures[ref] += 1
        wait = min(self._settings.retry_cap, self._settings.retry_base * 2.0 ** min(tries, 32))
        return wait * random.uniform(0.5, 1.0)


def _conditions(obj: Obj) -> list[Obj]:
    return list((obj.get("status") or {}).get("conditions") or [])
