"""`forebay run`: exit codes and what goes to stdout and stderr; the plane is played by the test."""

import asyncio
import json

import pytest

from forebay.cli import follow
from forebay.errors import PlaneBusy
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import PIPELINE
from forebay.local import plane
from tests.unit.cli import state as s
from tests.unit.cli.test_follow import FAILED, MOVIES, SUCCEEDED, finish, pipeline_status, start

NAME = "movies-11111111"


class FakePlane:
    """A plane whose reconciler does what the test says."""

    script = None  # async function of the kube
    keeps = False
    handed_over = 0
    left_by = None

    def __init__(self, state):
        state.mkdir(parents=True, exist_ok=True)
        self.kube = EmbeddedKube(state / "forebay.db")

    async def __aenter__(self):
        self._task = (
            asyncio.create_task(type(self).script(self.kube)) if type(self).script else None
        )
        return self

    async def __aexit__(self, kind, *_):
        type(self).left_by = kind
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self.kube.close()

    def progress(self, _run):
        return None

    async def watching(self, work):
        return await work

    async def needed(self):
        return self.keeps

    async def hand_over(self):
        type(self).handed_over += 1


@pytest.fixture
def fake(monkeypatch):
    class Plane(FakePlane):
        pass

    monkeypatch.setattr(plane, "Plane", Plane)
    monkeypatch.setattr(follow, "LOOK", 0.005)
    return Plane


@pytest.fixture
def files(tmp_path):
    def write(*objects):
        (tmp_path / "a.json").write_text(json.dumps({"kind": "List", "items": list(objects)}))
        return ["run", "-f", str(tmp_path / "a.json"), "--state", str(tmp_path / "state")]

    return write


def reconciler(status):
    async def script(kube):
        while await kube.get(MOVIES) is None:
            await asyncio.sleep(0.005)
        await start(kube)
        await finish(kube, status)

    return staticmethod(script)


def test_a_run_that_succeeds_exits_0_and_says_what_it_did(fake, files):
    fake.script = reconciler(SUCCEEDED)
    result = s.invoke(*files(s.store(), s.pipeline()))
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    lines = result.stdout.splitlines()
    assert lines[0] == "datastore.forebay.dev/local created"
    assert f"run {NAME} succeeded" in lines
    assert fake.handed_over == 0


def test_a_run_that_fails_exits_1_with_reason_message_and_what_to_do(fake, files):
    fake.script = reconciler(FAILED)
    result = s.invoke(*files(s.store(), s.pipeline()))
    assert result.exit_code == 1
    assert f"run {NAME} failed in train: NonFiniteLoss: loss is NaN in epoch 2" in result.stdout
    assert f"`forebay logs {NAME} --stage train`" in result.stdout


def test_json_is_the_only_thing_on_stdout(fake, files):
    fake.script = reconciler(FAILED)
    result = s.invoke(*files(s.store(), s.pipeline()), "-o", "json")
    assert result.exit_code == 1
    (run,) = json.loads(result.stdout)["runs"]
    assert (run["name"], run["phase"], run["reason"]) == (NAME, "Failed", "NonFiniteLoss")
    assert "  ingest      100 rows  1 s" in result.stderr.splitlines()


def test_an_invalid_spec_exits_2_and_creates_nothing(fake, files, tmp_path):
    result = s.invoke(*files(s.store(), s.pipeline(preproces={})))
    assert result.exit_code == 2
    assert "spec.preproces: " in result.stderr
    assert not (tmp_path / "state").exists()


def test_stores_alone_are_applied_and_that_is_all(fake, files):
    result = s.invoke(*files(s.store()))
    assert result.exit_code == 0
    assert (
        result.stdout.splitlines()[-1]
        == "1 objects applied; there is nothing to run in these files"
    )


def test_a_folder_in_use_is_one_clear_line(fake, files, monkeypatch):
    async def busy(_self):
        raise PlaneBusy("another `forebay run` works there")

    monkeypatch.setattr(fake, "__aenter__", busy)
    result = s.invoke(*files(s.store()))
    assert (result.exit_code, result.stderr) == (1, "Error: another `forebay run` works there\n")


def test_what_has_to_go_on_is_handed_over(fake, files):
    fake.script, fake.keeps = reconciler(SUCCEEDED), True
    assert s.invoke(*files(s.store(), s.pipeline())).exit_code == 0
    assert fake.handed_over == 1


def test_no_follow_waits_only_until_the_reconciler_has_seen_it(fake, files):
    async def script(kube):
        while await kube.get(MOVIES) is None:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.05)
        await start(kube)

    fake.script, fake.keeps = staticmethod(script), True
    result = s.invoke(*files(s.store(), s.pipeline()), "--no-follow")
    assert result.exit_code == 0
    assert "2 objects applied; they go on in the background" in result.stdout
    assert fake.handed_over == 1


def test_a_run_that_takes_too_long_is_stopped_and_not_handed_over(fake, files):
    fake.keeps = True
    result = s.invoke(*files(s.store(), s.pipeline()), "--timeout", "0.05s")
    assert result.exit_code == 1
    assert "Error: not done within 0s" in result.stderr
    assert fake.handed_over == 0
    assert fake.left_by is not None


def test_ctrl_c_stops_everything_and_exits_130(fake, files):
    async def interrupted(_self):
        raise KeyboardInterrupt

    fake.needed = interrupted
    result = s.invoke(*files(s.store()))
    assert result.exit_code == 130
    assert "The next `forebay run` goes on from here." in result.stderr
    assert fake.handed_over == 0


def test_again_asks_for_one_more_run(fake, files, tmp_path):
    fake.script = reconciler(SUCCEEDED)
    arguments = files(s.store(), s.pipeline())
    assert s.invoke(*arguments).exit_code == 0
    fake.script = None
    assert "is unchanged: its run" in s.invoke(*arguments).stdout

    async def script(kube):
        while not (await kube.get(MOVIES))["metadata"].get("annotations"):
            await asyncio.sleep(0.005)
        await start(kube, "movies-22222222")
        await finish(kube, SUCCEEDED, "movies-22222222")
        await pipeline_status(kube, "movies-22222222", "Succeeded")

    fake.script = staticmethod(script)
    result = s.invoke(*arguments, "--again")
    assert result.exit_code == 0, result.output
    assert "run movies-22222222 succeeded" in result.stdout
    (pipeline,) = s.stored(tmp_path / "state", PIPELINE)
    assert pipeline["metadata"]["generation"] == 1


@pytest.mark.parametrize("text", ["soon", "-5s", "0"])
def test_a_timeout_that_is_no_duration_is_a_usage_error(fake, files, text):
    result = s.invoke(*files(s.store()), f"--timeout={text}")
    assert result.exit_code == 2
    assert "is not a duration such as 90s" in result.stderr
