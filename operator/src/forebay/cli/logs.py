"""`forebay logs`: what the stages of a run, or the pods of a served model, printed."""

import asyncio
from typing import Annotated

import typer

from forebay.cli import complete, kinds, runs, session
from forebay.cli.failure import UserError
from forebay.cli.options import DEFAULT_STATE, Namespace, RunName, State
from forebay.kube.port import PIPELINE, RUN, Kube, Obj, Ref
from forebay.manifests.ingest_deployment import is_stream
from forebay.plan.streaming import makes_runs

EXAMPLES = """\b
Examples:
  forebay logs movies                        # the newest run of a pipeline
  forebay logs movies-1f2e3d4c --stage train --tail 20
  forebay logs movies -f                     # until the run ends
  forebay logs md/movies                     # a served model
  forebay logs nsp/fraud -f                  # the stream that a pipeline ingests"""

Stage = Annotated[
    str | None, typer.Option("--stage", help="Only this stage.", autocompletion=complete.stages)
]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until the run ends.")]
Tail = Annotated[int | None, typer.Option("--tail", min=0, help="Only the last lines of each pod.")]

POLL = 0.3  # seconds between two looks while following


def logs(
    run: RunName,
    stage: Stage = None,
    follow: Follow = False,
    tail: Tail = None,
    state: State = DEFAULT_STATE,
    namespace: Namespace = None,
) -> None:
    """Prints the logs of a run, or of an ingest that never ends."""

    async def work(kube: Kube) -> None:
        owner = await _owner(kube, run, namespace)
        printer = _Printer(kube, stage, tail)
        if follow:
            await printer.follow(Ref.of(owner))
        elif not await printer.print_new(owner):
            what = f"stage {stage!r} of " if stage else ""
            raise UserError(f"there are no logs of {what}{owner['metadata']['name']}")

    session.using(state, work)


async def _owner(kube: Kube, name: str, namespace: str | None) -> Obj:
    word, chosen = kinds.split(name, None)
    if chosen is None:
        streams = [p for p in await kube.list(PIPELINE, namespace) if is_stream(p)]
        named = [p for p in streams if p["metadata"]["name"] == name and not makes_runs(p)]
        return named[0] if len(named) == 1 else await runs.find_run(kube, name, namespace)
    return await session.find(kube, kinds.resolve_one(word), chosen, namespace)


class _Printer:
    """Prints what pods logged since it last looked, each pod under a header when there are several."""

    def __init__(self, kube: Kube, stage: str | None, tail: int | None) -> None:
        self._kube, self._stage, self._tail = kube, stage, tail
        self._printed: dict[str, int] = {}
        self._last = ""

    async def print_new(self, owner: Obj) -> bool:
        """Prints what is new; False when the object has no pods."""
        pods = await runs.pods_of(self._kube, owner, self._stage)
        for pod in pods:
            await self._print_pod(pod, headed=len(pods) > 1 and self._stage is None)
        return bool(pods)

    async def follow(self, ref: Ref) -> None:
        """Prints until the object is gone or, for a run, finished."""
        while True:
            owner = await self._kube.get(ref)
            if owner is None:
                return
            done = ref.kind == RUN and runs.phase(owner) in runs.FINISHED
            await self.print_new(owner)
            if done:
                return
            await asyncio.sleep(POLL)

    async def _print_pod(self, pod: Obj, *, headed: bool) -> None:
        uid = pod["metadata"]["uid"]
        first = uid not in self._printed
        text = await self._kube.logs(Ref.of(pod))
        fresh = text[self._printed.get(uid, 0) :]
        self._printed[uid] = len(text)
        if first and self._tail is not None:
            fresh = "".join(fresh.splitlines(keepends=True)[-self._tail :] if self._tail else [])
        if not fresh:
            return
        if headed and self._last != uid:
            typer.echo(f"==> {runs.stage_of(pod)} ({pod['metadata']['name']}) <==")
        self._last = uid
        typer.echo(fresh, nl=False)
