"""Follows what was applied until all of it is done. Called by `run.py`; shows through a screen.

Looks at the objects several times a second instead of keeping a state of its own: whatever happened
between two looks, the next one shows the truth.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from forebay.cli import answering, targets
from forebay.cli.applying import Applied
from forebay.cli.outcome import Outcome, collect
from forebay.cli.targets import Served
from forebay.cli.views import RunView, run_view
from forebay.kube.port import DEPLOYMENT, MODEL_VERSION, PIPELINE, RUN, Kube, Obj, Ref
from forebay_workloads.contract import Progress

LOOK = 0.15  # seconds between two looks
STALE = (
    3.0  # seconds after which a status that an earlier command left behind must have been renewed
)
SEEN_WAIT = 10.0  # seconds for the reconciler to look at everything once
READY_WAIT = 180.0  # seconds that a served model may take once all runs are over


class Screen(Protocol):
    """Where progress is shown: `bars.Bars` or `lines.Lines`."""

    def note(self, text: str) -> None:
        """A line of its own."""

    def update(self, views: Sequence[RunView], now: datetime) -> None:
        """Brings what is shown up to date."""


class Follower:
    """Follows the applied objects; `progress` gives the newest progress of a run."""

    def __init__(
        self,
        kube: Kube,
        applied: Sequence[Applied],
        earlier: set[str],
        progress: Callable[[Ref], Progress | None],
        screen: Screen,
        answers: Callable[[str], Awaitable[bool]] = answering.answers,
    ) -> None:
        self._kube, self._applied, self._earlier = kube, applied, earlier
        self._progress, self._screen = progress, screen
        self._said: dict[Ref, str] = {}
        self._answers = answers
        self._failing: dict[str, float] = {}

    async def until_done(self) -> Outcome:
        """Shows progress until everything is done."""
        await _poll(self._runs_done)
        views = await self._views()
        if all(view.succeeded for view in views):
            await _poll(self._models_settled, READY_WAIT)
        return await collect(self._kube, self._applied, views, await self._served())

    async def until_seen(self) -> Outcome:
        """Waits until the reconciler has looked at everything that was applied, so that runs are made."""
        await _poll(self._seen, SEEN_WAIT)
        return Outcome()

    async def _seen(self) -> bool:
        found = [
            await self._kube.get(one.ref)
            for one in self._applied
            if one.ref.kind in (PIPELINE, DEPLOYMENT)
        ]
        return all(obj is None or targets.paused(obj) or targets.observed(obj) for obj in found)

    async def _runs_done(self) -> bool:
        all_runs = await self._kube.list(RUN)
        self._screen.update(await self._views(all_runs), datetime.now(UTC))
        done = True
        for applied in self._applied:
            if applied.ref.kind == PIPELINE:
                done &= await self._pipeline_done(applied, all_runs)
            elif applied.ref.kind == RUN:
                this = [run for run in all_runs if Ref.of(run) == applied.ref]
                done &= all(targets.over(run) for run in this)  # one that is gone has had its time
        return done

    async def _pipeline_done(self, applied: Applied, all_runs: Sequence[Obj]) -> bool:
        pipeline = await self._kube.get(applied.ref)
        if pipeline is None:  # somebody deleted it meanwhile: there is nothing to wait for
            return True
        if not any(self._followed(run) for run in targets.runs_of(pipeline, all_runs)):
            self._say_why_not_ready(applied.ref, pipeline)
        return targets.pipeline_done(pipeline, applied.key, all_runs)

    def _say_why_not_ready(self, ref: Ref, pipeline: Obj) -> None:
        """A pipeline that cannot start a run says why, once per reason."""
        ready = targets.condition(pipeline, "Ready")
        active = (pipeline.get("status") or {}).get("active")
        if ready.get("status") != "False" or active or self._said.get(ref) == ready.get("reason"):
            return
        self._said[ref] = str(ready.get("reason"))
        self._screen.note(f"pipeline {ref.name}: {ready.get('reason')}: {ready.get('message')}")

    async def _views(self, all_runs: Sequence[Obj] | None = None) -> list[RunView]:
        """The runs that this command brought about or found unfinished."""
        found = all_runs if all_runs is not None else await self._kube.list(RUN)
        followed = [run for run in found if self._followed(run)]
        return [run_view(run, self._progress(Ref.of(run))) for run in followed]

    def _followed(self, run: Obj) -> bool:
        refs = {applied.ref for applied in self._applied}
        owner = Ref(PIPELINE, run["metadata"]["namespace"], run["spec"]["pipelineRef"]["name"])
        return Ref.of(run) in refs or (
            owner in refs and run["metadata"]["uid"] not in self._earlier
        )

    async def _models_settled(self) -> bool:
        """Whether each is ready, waits for a version, or has been failing for longer than a status may be old."""
        served = await self._served()
        now = asyncio.get_running_loop().time()
        failing = {one.name for one in served if one.state == "failed"}
        self._failing = {name: self._failing.get(name, now) for name in failing}
        stale = any(now - since < STALE for since in self._failing.values())
        return not stale and all(one.state != "pending" for one in served)

    async def _served(self) -> list[Served]:
        """Every ModelDeployment that was applied or that an applied pipeline deploys to."""
        refs = {applied.ref for applied in self._applied if applied.ref.kind == DEPLOYMENT}
        for applied in self._applied:
            target = (
                applied.obj.get("spec", {}).get("deploy", {}).get("deploymentRef", {}).get("name")
            )
            if applied.ref.kind == PIPELINE and target:
                refs.add(Ref(DEPLOYMENT, applied.ref.namespace, target))
        versions = await self._kube.list(MODEL_VERSION) if refs else []
        found = [await self._kube.get(ref) for ref in sorted(refs)]
        return [await self._asked(obj, versions) for obj in found if obj is not None]

    async def _asked(self, obj: Obj, versions: Sequence[Obj]) -> Served:
        """How a model stands; it is ready only when it answers now, not when its status once said so."""
        namespace = obj["metadata"]["namespace"]
        one = targets.served(obj, [v for v in versions if v["metadata"]["namespace"] == namespace])
        over_rest = (obj["spec"].get("rest") or {}).get("enabled", True)
        if one.state != "ready" or not over_rest or (one.url and await self._answers(one.url)):
            return one
        return replace(
            one, state="pending", reason="ProbeFailed", message=f"{one.url} does not answer"
        )


async def _poll(done: Callable[[], Awaitable[bool]], limit: float = float("inf")) -> None:
    """Asks until the answer is yes, or `limit` seconds are over."""
    clock = asyncio.get_running_loop().time
    end = clock() + limit
    while True:
        if await done() or clock() >= end:
            return
        await asyncio.sleep(LOOK)
