"""Applying and following on real objects; a reconciler is played by the test."""

import asyncio
from pathlib import Path

import pytest

from forebay.cli import applying, follow, summary
from forebay.cli.failed import explain
from forebay.cli.loader import Loaded
from forebay.cli.sources import Document
from forebay.cli.yamltext import Parsed
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import DEPLOYMENT, PIPELINE, RUN, Ref
from tests.unit.cli import state as s

MOVIES = Ref(PIPELINE, "default", "movies")
STAGES = [
    {
        "name": "ingest",
        "state": "Succeeded",
        "counts": {"read": 100, "written": 100},
        "startTime": "2026-03-01T12:00:00Z",
        "completionTime": "2026-03-01T12:00:01Z",
    },
    {"name": "preprocess", "state": "Succeeded", "counts": {"train": 80, "test": 20}},
]
SUCCEEDED = {
    "phase": "Succeeded",
    "stages": STAGES,
    "metrics": {"rmse": "0.91149"},
    "report": "r.html",
}
FAILED = {
    "phase": "Failed",
    "stages": [
        STAGES[0],
        {
            "name": "train",
            "state": "Failed",
            "reason": "NonFiniteLoss",
            "message": "loss is NaN in epoch 2",
        },
    ],
}


class Screen:
    def __init__(self):
        self.notes, self.phases = [], []

    def note(self, text):
        self.notes.append(text)

    def update(self, views, _now):
        for view in views:
            if (view.name, view.phase) not in self.phases:
                self.phases.append((view.name, view.phase))


@pytest.fixture
async def kube(tmp_path):
    made = EmbeddedKube(tmp_path / "forebay.db")
    yield made
    await made.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(follow, "LOOK", 0.005)
    monkeypatch.setattr(follow, "STALE", 0.01)


def loaded(*objects):
    for obj in objects:
        obj["metadata"].setdefault("namespace", "default")
    return [Loaded(obj, Document("a.yaml", Path("/"), Parsed(obj), obj)) for obj in objects]


async def apply(kube, *objects, again=False, key="now"):
    return await applying.apply(kube, loaded(*objects), key=key, again=again)


async def set_status(kube, ref, status):
    obj = await kube.get(ref)
    head = {key: obj[key] for key in ("apiVersion", "kind")}
    names = {key: obj["metadata"][key] for key in ("name", "namespace")}
    return await kube.apply({**head, "metadata": names, "status": status}, subresource="status")


async def start(kube, name="movies-11111111"):
    """What the reconciler does first: a run, then a status that knows of it."""
    made = s.run(name)
    made.pop("status")
    made["metadata"]["namespace"] = "default"
    await kube.create(made)
    await pipeline_status(kube, name, "Running", active=[name])


async def pipeline_status(kube, name, phase, **more):
    pipeline = await kube.get(MOVIES)
    value = (pipeline["metadata"].get("annotations") or {}).get("forebay.dev/run")
    status = {
        "observedGeneration": pipeline["metadata"]["generation"],
        "lastRun": {"name": name, "phase": phase},
        **({"triggers": [{"name": ".annotation", "key": value}]} if value else {}),
        **more,
    }
    await set_status(kube, MOVIES, status)


async def finish(kube, status, name="movies-11111111"):
    await set_status(kube, Ref(RUN, "default", name), status)
    await asyncio.sleep(0.02)
    await pipeline_status(kube, name, status["phase"])


async def followed(kube, applied, *, earlier=()):
    screen = Screen()
    answers = iter([False, False])

    async def answering(url):  # the third time it is asked
        return next(answers, True)

    follower = follow.Follower(kube, applied, set(earlier), lambda _ref: None, screen, answering)
    async with asyncio.timeout(30):
        return await follower.until_done(), screen


async def test_apply_says_what_it_changed(kube):
    assert [one.change for one in await apply(kube, s.store(), s.pipeline())] == [
        "created",
        "created",
    ]
    assert [str(one) for one in await apply(kube, s.store())] == [
        "datastore.forebay.dev/local unchanged"
    ]
    (changed,) = await apply(kube, s.pipeline(suspend=True))
    assert (changed.change, changed.spec_changed, changed.key) == ("configured", True, None)


async def test_an_unchanged_pipeline_is_asked_again_only_on_demand_or_after_a_failure(kube):
    await apply(kube, s.pipeline())
    await start(kube)
    await finish(kube, SUCCEEDED)
    assert (await apply(kube, s.pipeline()))[0].key is None
    assert (await apply(kube, s.pipeline(), again=True, key="first"))[0].key == "first"
    assert (await apply(kube, s.pipeline(), key="second"))[0].change == "unchanged"
    await pipeline_status(kube, "movies-11111111", "Failed")
    (again,) = await apply(kube, s.pipeline(), key="third")
    assert again.key == "third"
    assert (await kube.get(MOVIES))["metadata"]["annotations"]["forebay.dev/run"] == "third"


async def test_a_failed_run_is_not_repeated_by_a_changed_spec_twice(kube):
    await apply(kube, s.pipeline())
    await start(kube)
    await finish(kube, FAILED)
    (changed,) = await apply(kube, s.pipeline(evaluate={"gates": []}))
    assert (changed.spec_changed, changed.key) == (True, None)


async def test_a_run_is_followed_to_its_end(kube):
    applied = await apply(kube, s.store(), s.pipeline())

    async def reconciler():
        await asyncio.sleep(0.02)
        await start(kube)
        await set_status(kube, Ref(RUN, "default", "movies-11111111"), {"phase": "Running"})
        await asyncio.sleep(0.05)
        await finish(kube, SUCCEEDED)

    (outcome, screen), _ = await asyncio.gather(followed(kube, applied), reconciler())
    assert outcome.succeeded
    assert screen.phases[-2:] == [("movies-11111111", "Running"), ("movies-11111111", "Succeeded")]
    (document,) = outcome.document()["runs"]
    assert (document["name"], document["metrics"]) == ("movies-11111111", {"rmse": "0.91149"})
    assert [stage["name"] for stage in document["stages"]] == ["ingest", "preprocess"]


async def test_an_unchanged_pipeline_shows_its_run_and_says_why_nothing_happens(kube):
    await apply(kube, s.pipeline())
    await start(kube)
    await finish(kube, SUCCEEDED)
    uids = {run["metadata"]["uid"] for run in await kube.list(RUN)}
    outcome, screen = await followed(kube, await apply(kube, s.pipeline()), earlier=uids)
    assert outcome.succeeded
    assert screen.phases == []
    assert [view.name for view in outcome.runs] == ["movies-11111111"]
    assert outcome.unchanged == [
        "pipeline movies is unchanged: its run movies-11111111 succeeded already (--again runs it once more)"
    ]


async def test_a_failed_run_is_explained_with_its_last_lines(kube, tmp_path):
    applied = await apply(kube, s.pipeline())
    await start(kube)
    run = await kube.get(Ref(RUN, "default", "movies-11111111"))
    pod = await kube.create(
        {
            **s.pod(run, "train"),
            "metadata": {**s.pod(run, "train")["metadata"], "namespace": "default"},
        }
    )
    file = tmp_path / "pods" / pod["metadata"]["uid"] / "log.txt"
    file.parent.mkdir(parents=True)
    file.write_text("".join(f"epoch {n}\n" for n in range(30)))
    await finish(kube, FAILED)
    outcome, _ = await followed(kube, applied)
    assert not outcome.succeeded
    lines = await explain(kube, outcome.runs[0])
    assert lines[0] == "run movies-11111111 failed in train: NonFiniteLoss: loss is NaN in epoch 2"
    assert lines[1:21] == [f"  | epoch {n}" for n in range(10, 30)]
    assert (
        lines[21]
        == "  more: `forebay logs movies-11111111 --stage train`, `forebay describe nsr movies-11111111`"
    )


async def test_a_pipeline_that_can_start_nothing_is_a_failure_with_its_reason(kube):
    applied = await apply(kube, s.pipeline())
    since = {
        "reason": "NameConflict",
        "message": "taken",
        "lastTransitionTime": "2026-03-01T12:00:00Z",
    }
    conditions = [
        {"type": "Ready", "status": "False", **since},
        {"type": "Stalled", "status": "True", **since},
    ]
    await set_status(kube, MOVIES, {"observedGeneration": 1, "conditions": conditions})
    outcome, screen = await followed(kube, applied)
    assert not outcome.succeeded
    assert screen.notes == ["pipeline movies: NameConflict: taken"]
    assert outcome.stuck == ["pipeline movies: NameConflict: taken"]


@pytest.mark.parametrize(
    ("ready", "reason", "good", "line"),
    [
        ("True", "Serving", True, "  serving     movies  http://127.0.0.1:3000  (movies-v1)"),
        (
            "False",
            "ReferenceMissing",
            True,
            "  serving     movies  waits for a version of its model",
        ),
    ],
)
async def test_a_served_model_is_waited_for_and_shown(kube, ready, reason, good, line):
    applied = await apply(kube, s.deployment())
    ref = Ref(DEPLOYMENT, "default", "movies")

    async def reconciler():
        await asyncio.sleep(0.02)
        condition = {"type": "Ready", "status": ready, "reason": reason, "message": "because"}
        condition["lastTransitionTime"] = "2026-03-01T12:00:00Z"
        status = {"observedGeneration": 1, "conditions": [condition]}
        if ready == "True":
            status |= {"url": "http://127.0.0.1:3000", "stable": {"version": "movies-v1"}}
        await set_status(kube, ref, status)

    (outcome, _), _ = await asyncio.gather(followed(kube, applied), reconciler())
    assert outcome.succeeded is good
    assert list(summary.lines(outcome, {}, {})) == [line]


async def test_the_summary_tells_what_went_in_and_what_came_out(kube):
    applied = await apply(kube, s.pipeline())
    await start(kube)
    stages = [*STAGES, {"name": "predict", "state": "Succeeded", "counts": {"written": 50}}]
    await finish(kube, {**SUCCEEDED, "stages": stages, "modelVersion": "movies-v1"})
    outcome, _ = await followed(kube, applied)
    version = {
        "spec": {
            "digest": "sha256:8c1f0a0b0c0d0e0f",
            "artifact": {"storeRef": {"name": "local"}, "key": "k"},
        }
    }
    lines = list(
        summary.lines(outcome, {"movies-v1": version}, {"movies-11111111": ".forebay/r.html"})
    )
    assert lines == [
        "run movies-11111111 succeeded",
        "  ingest      100 rows into ratings of local",
        "  preprocess  80 train / 20 test (random, seed 7)",
        "  evaluate    rmse 0.9115",
        "              rmse 0.9115 <= 0.93  passed",
        '  publish     movies-v1  sha256:8c1f0a0b0c0d  into store "local"',
        "  predict     50 rows",
        "  report      .forebay/r.html",
    ]
