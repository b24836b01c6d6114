"""What a user reads of a failed run: why, the last log lines of the stage, and what to do next.

Called by `run.py` at its end.
"""

from __future__ import annotations

from forebay.cli import runs
from forebay.cli.views import FAILED, RunView
from forebay.kube.port import RUN, Kube, Ref

TAIL = 20  # lines of the failed stage's log


async def explain(kube: Kube, view: RunView) -> list[str]:
    """Reason, message, log lines and hint of a failed run."""
    stage = next(
        (stage.name for stage in view.stages if stage.state == FAILED and stage.name != "report"),
        None,
    )
    where = f" in {stage}" if stage else ""
    lines = [f"run {view.name} failed{where}: {view.reason}: {view.message}".rstrip(": ")]
    if stage:
        lines.extend(f"  | {line}" for line in await _last_lines(kube, view, stage))
    command = f"forebay logs {view.name}" + (f" --stage {stage}" if stage else "")
    lines.append(f"  more: `{command}`, `forebay describe nsr {view.name}`")
    return lines


async def _last_lines(kube: Kube, view: RunView, stage: str) -> list[str]:
    run = await kube.get(Ref(RUN, view.namespace, view.name))
    pods = await runs.pods_of(kube, run, stage) if run else []
    return (await kube.logs(Ref.of(pods[-1]), tail=TAIL)).splitlines() if pods else []
