"""What the tests look at in runs: phases, stages, Jobs."""

from typing import Any

from tests.e2e.kit.api import Api, Obj
from tests.e2e.kit.waiting import until

FINISHED = ("Succeeded", "Failed")


def runs(api: Api, namespace: str, pipeline: str | None = None) -> list[Obj]:
    """The runs of a namespace or of one pipeline, the oldest first."""
    found = api.list("pipelineruns", namespace)
    return [r for r in found if pipeline in (None, r["spec"]["pipelineRef"]["name"])]


def phase(run: Obj | None) -> str:
    """The run's phase; "" when it has none yet."""
    return str(((run or {}).get("status") or {}).get("phase") or "")


def stages(run: Obj | None) -> dict[str, Obj]:
    """The run's stages by name."""
    return {s["name"]: s for s in ((run or {}).get("status") or {}).get("stages") or []}


def first_run(api: Api, namespace: str, pipeline: str | None = None, seconds: float = 20) -> Obj:
    """The first run of a pipeline, as soon as there is one."""
    found = until(lambda: runs(api, namespace, pipeline), seconds, "there is a run")
    return found[0]


def finished(api: Api, namespace: str, pipeline: str | None = None, seconds: float = 240) -> Obj:
    """The newest run once it has ended."""

    def look() -> Obj | None:
        found = runs(api, namespace, pipeline)
        return found[-1] if found and phase(found[-1]) in FINISHED else None

    return until(look, seconds, "the run has ended", lambda: shown(api, namespace)) or {}


def shown(api: Api, namespace: str) -> list[Any]:
    """For messages: each run with its stages' states and reasons."""
    return [
        (
            run["metadata"]["name"],
            phase(run),
            {
                n: (s["state"], s.get("reason"), s.get("message", "")[:200])
                for n, s in stages(run).items()
            },
        )
        for run in runs(api, namespace)
    ]


def jobs(api: Api, namespace: str, stage: str) -> list[Obj]:
    """The Jobs of a stage, of all runs of the namespace."""
    return api.list("jobs", namespace, f"forebay.dev/stage-name={stage}")
