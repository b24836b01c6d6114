import asyncio
import contextlib
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from forebay.errors import PlaneBusy, StateError
from forebay.kube.embedded import EmbeddedKube
from forebay.kube.port import RUN, Ref
from forebay.local import keeper
from forebay.local.lock import KEEPER, PlaneLock
from forebay.local.plane import Plane
from forebay.local.state import open_state
from tests.component.local.kit import alive, deployment, free_port, get, job, kill, service, until

SLEEP = "import time; time.sleep(60)"
PLANE = """
import asyncio, sys
from pathlib import Path
from forebay.local.plane import Plane
async def main():
    async with Plane(Path(sys.argv[1])) as plane:
        print("up", flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""


@contextlib.asynccontextmanager
async def other_plane(state):
    """A plane in another process; it is killed at the end if it still runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PLANE, str(state), stdout=asyncio.subprocess.PIPE
    )
    try:
        assert await process.stdout.readline() == b"up\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_leaving_stops_every_process_and_the_next_plane_goes_on(world):
    async with world.running():
        await world.apply(job("a", SLEEP, backoffLimit=0), deployment("web", "up"))
        await world.ready("web")
        pids = await until(lambda: len(found := world.pids()) == 2 and found)
    assert not any(alive(pid) for pid in pids)
    async with world.running():
        await world.ready("web")
        await until(lambda: len(world.pids()) == 2)
        assert (await world.job("a"))["status"]["failed"] == 0
        interrupted = (await world.pods())[0]["status"]
        assert "DisruptionTarget" in {c["type"] for c in interrupted["conditions"]}


async def test_what_is_stopped_is_not_said_to_be_ready(world):
    async with world.running():
        await world.apply(deployment("web", "up"))
        await world.ready("web")
    async with seen(world):
        assert (await world.deployment("web"))["status"]["readyReplicas"] == 0
        assert [p["status"]["phase"] for p in await world.pods() if "status" in p] == []


async def test_a_process_that_ignores_sigterm_is_killed_with_all_it_started(world):
    code = (
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "subprocess.Popen(['sleep', '60'])\n"
        "open('ready', 'w')\n"
        "time.sleep(60)"
    )
    stubborn = job("a", code)
    stubborn["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = 0.3
    async with world.running():
        await world.apply(stubborn)
        await until(lambda: list(world.state.glob("pods/*/rootfs/ready")))
        pids = world.pids()
        assert len(pids) == 2
    assert not any(alive(pid) for pid in pids)


async def test_a_cancelled_block_stops_the_processes(world):
    async def work():
        async with world.running():
            await world.apply(job("a", SLEEP))
            await until(world.pids)
            started.set()
            await asyncio.sleep(60)

    started = asyncio.Event()
    task = asyncio.create_task(work())
    await started.wait()
    pids = world.pids()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pids
    assert not any(alive(pid) for pid in pids)


@pytest.mark.slow
async def test_a_plane_that_was_killed_leaves_pods_that_the_next_one_adopts(world):
    port = free_port()
    async with other_plane(world.state) as process:
        async with seen(world):
            await world.apply(
                service("web", "web", port),
                deployment("web", "up"),
                job("long", SLEEP, backoffLimit=0),
                job("short", "import time; time.sleep(0.5)"),
            )
            await world.ready("web")
            pids = await until(lambda: len(found := sorted(world.pids())) == 3 and found)
        kill(process.pid)
        await process.wait()
        await until(lambda: len(world.pids()) == 2)
    async with world.running():
        await world.condition("short", "Complete")
        assert await until(lambda: get(port)) == "up"
        assert set(world.pids()) < set(pids)
        assert len(await world.pods()) == 3
        assert len(world.pids()) == 2


@pytest.mark.slow
async def test_what_was_deleted_while_no_plane_ran_is_stopped_by_the_next(world):
    async with other_plane(world.state) as process, seen(world):
        await world.apply(job("a", SLEEP))
        (pid,) = await until(world.pids)
        kill(process.pid)
        await process.wait()
        await world.kube.delete(Ref.of(await world.job("a")))
    async with world.running():
        await until(lambda: not alive(pid))
        await until(lambda: none(world))


@pytest.mark.slow
async def test_a_folder_has_one_plane_and_the_second_is_told_who_has_it(world):
    async with other_plane(world.state) as process:
        with pytest.raises(PlaneBusy, match=str(process.pid)):
            async with world.running():
                pass


@pytest.mark.slow
async def test_a_keeper_takes_over_what_is_served_and_steps_down_for_the_next_plane(world):
    port = free_port()
    async with world.running():
        await world.apply(service("web", "web", port), deployment("web", "up"))
        await world.ready("web")
        (pid,) = world.pids()
        assert await world.plane.needed()
        await world.plane.hand_over()
    lock = PlaneLock(open_state(world.state).lock)
    role, kept_by = lock.holder()
    try:
        assert role == KEEPER
        assert await get(port) == "up", "the hand-over ends when it is served again"
        assert world.pids() == [pid]
        async with world.running():
            await until(lambda: not alive(kept_by))
            assert await until(lambda: get(port)) == "up"
            assert world.pids() == [pid]
            await world.plane.hand_over()
        role, kept_by = lock.holder()
        assert role == KEEPER
        assert await asyncio.to_thread(keeper.stop, world.state)
        assert world.pids() == []
        assert not await asyncio.to_thread(keeper.stop, world.state)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(kept_by, signal.SIGKILL)


@pytest.mark.slow
async def test_down_stops_what_a_killed_plane_left(world):
    async with other_plane(world.state) as process, seen(world):
        await world.apply(job("a", SLEEP))
        (pid,) = await until(world.pids)
        kill(process.pid)
        await process.wait()
    assert await asyncio.to_thread(keeper.stop, world.state)
    assert not alive(pid)


async def test_nothing_is_needed_in_an_empty_folder(world):
    async with world.running():
        assert not await world.plane.needed()
        await world.apply(deployment("web", "up", replicas=0))
        assert await world.kube.list(RUN) == []


async def test_what_a_stage_reports_reaches_the_board_with_its_last_line(world):
    lines = [json.dumps({"step": "train", "epoch": n}) for n in (1, 2)]
    code = f"import os; open(os.environ['FOREBAY_PROGRESS'], 'a').write({chr(10).join(lines)!r} + chr(10))"
    told = job("a", code)
    told["spec"]["template"]["metadata"]["labels"] |= {
        "forebay.dev/owner-kind": "PipelineRun",
        "forebay.dev/owner-name": "movies-1",
    }
    heard = []
    async with world.running():
        world.plane.board.listen(lambda *said: heard.append(said))
        await world.apply(told)
        await world.condition("a", "Complete")
    namespace, run, progress = heard[-1]
    assert (namespace, run, progress.step, progress.epoch) == ("default", "movies-1", "train", 2)


class TestTheStateFolder:
    def test_of_a_newer_layout_is_refused_with_the_cure(self, tmp_path):
        open_state(tmp_path)
        (tmp_path / "layout").write_text("9\n")
        with pytest.raises(StateError, match="layout 9"):
            Plane(tmp_path)

    def test_that_is_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").touch()
        with pytest.raises(StateError, match="--state"):
            open_state(tmp_path / "file")

    def test_that_cannot_be_made_is_refused(self):
        # /proc takes no folders from anybody, root included.
        with pytest.raises(StateError, match="--state"):
            open_state(Path("/proc/forebay"))

    def test_is_private(self, tmp_path):
        folder = open_state(tmp_path / "state")
        assert folder.pods.stat().st_mode & 0o077 == 0


@contextlib.asynccontextmanager
async def seen(world):
    """The objects of a state folder whose plane runs elsewhere."""
    kube = EmbeddedKube(world.state / "forebay.db")
    world.plane = type("Elsewhere", (), {"kube": kube})
    try:
        yield
    finally:
        await kube.close()


async def none(world):
    return not await world.pods()
