import asyncio
import json

from forebay.kube.port import JOB, Ref
from tests.component.local.kit import alive, job, kill, until

LEAVE = "import os; open(os.environ['FOREBAY_ROOT'] + '/dev/termination-log', 'w').write('{}')"


async def test_a_job_completes_and_its_pod_keeps_what_it_said(world):
    async with world.running():
        await world.apply(job("a", LEAVE.format("done") + "; print('hello')"))
        done = await world.condition("a", "Complete")
        pod = await world.pod()
        end = pod["status"]["containerStatuses"][0]["state"]["terminated"]
        assert done["reason"] == "CompletionsReached"
        assert pod["status"]["phase"] == "Succeeded"
        assert (end["exitCode"], end["reason"], end["message"]) == (0, "Completed", "done")
        assert "hello" in (world.folder(pod) / "log.txt").read_text()
        status = (await world.job("a"))["status"]
        assert (status["active"], status["succeeded"], status["failed"]) == (0, 1, 0)
        assert status["completionTime"] >= status["startTime"]


async def test_a_failed_pod_is_followed_by_another_until_one_succeeds(world, tmp_path):
    mark = tmp_path / "mark"
    code = f"import os, sys; p = {str(mark)!r}; f = os.path.exists(p); open(p, 'w'); sys.exit(0 if f else 1)"
    async with world.running():
        await world.apply(job("a", code))
        await world.condition("a", "Complete")
        phases = [p["status"]["phase"] for p in await world.pods()]
        assert sorted(phases) == ["Failed", "Succeeded"]
        assert (await world.job("a"))["status"]["failed"] == 1


async def test_a_job_that_keeps_failing_ends_at_its_back_off_limit(world):
    async with world.running():
        await world.apply(job("a", "raise SystemExit(1)", backoffLimit=1))
        failed = await world.condition("a", "Failed")
        assert failed["reason"] == "BackoffLimitExceeded"
        assert len(await world.pods()) == 2


async def test_an_exit_code_of_the_failure_policy_ends_it_at_once(world):
    async with world.running():
        await world.apply(job("a", "print('bad spec'); raise SystemExit(42)"))
        failed = await world.condition("a", "Failed")
        pod = await world.pod()
        assert failed["reason"] == "PodFailurePolicy"
        assert "exit code 42 matching FailJob rule" in failed["message"]
        assert pod["status"]["containerStatuses"][0]["state"]["terminated"]["exitCode"] == 42


async def test_the_log_stands_in_for_a_message_only_after_a_failure(world):
    async with world.running():
        good, bad = (
            job(n, f"print('last words'); raise SystemExit({c})") for n, c in (("a", 0), ("b", 42))
        )
        for obj in (good, bad):
            main = obj["spec"]["template"]["spec"]["containers"][0]
            main["terminationMessagePolicy"] = "FallbackToLogsOnError"
        await world.apply(good, bad)
        await world.condition("a", "Complete")
        await world.condition("b", "Failed")
        said = {
            pod["metadata"]["labels"]["job"]: pod["status"]["containerStatuses"][0]["state"][
                "terminated"
            ].get("message")
            for pod in await world.pods()
        }
        assert said == {"a": None, "b": "last words\n"}


async def test_a_deadline_stops_the_process_and_fails_the_job(world):
    async with world.running():
        await world.apply(job("a", "import time; time.sleep(60)", activeDeadlineSeconds=1))
        failed = await world.condition("a", "Failed")
        assert failed["reason"] == "DeadlineExceeded"
        assert world.pids() == []
        assert await world.pods() == []


async def test_a_suspended_job_has_no_process_until_it_is_resumed(world):
    async with world.running():
        await world.apply(job("a", "import time; time.sleep(60)"))
        (pid,) = await until(world.pids)
        await world.apply(job("a", "import time; time.sleep(60)", suspend=True))
        await world.condition("a", "Suspended")
        await until(lambda: not alive(pid))
        await until(lambda: none(world.pods()))
        await world.apply(job("a", "import time; time.sleep(60)", suspend=False))
        await until(world.pids)
        kinds = {
            c["type"]: c["status"] for c in (await world.job("a"))["status"].get("conditions", [])
        }
        assert kinds.get("Suspended") != "True"
        assert (await world.job("a"))["status"]["failed"] == 0


async def test_a_program_that_is_not_there_says_so(world):
    async with world.running():
        missing = job("a", "", backoffLimit=0)
        main = missing["spec"]["template"]["spec"]["containers"][0]
        main |= {
            "command": ["no-such-program"],
            "terminationMessagePolicy": "FallbackToLogsOnError",
        }
        await world.apply(missing)
        await world.condition("a", "Failed")
        end = (await world.pod())["status"]["containerStatuses"][0]["state"]["terminated"]
        assert end["exitCode"] == 127
        assert "no-such-program" in end["message"]


async def test_a_process_that_is_killed_shows_its_signal_and_is_tried_again(world):
    async with world.running():
        await world.apply(job("a", "import time; time.sleep(60)"))
        (pid,) = await until(world.pids)
        kill(pid)
        pods = await until(lambda: at_least(world.pods(), 2))
        end = pods[0]["status"]["containerStatuses"][0]["state"]["terminated"]
        assert (end["exitCode"], end["signal"]) == (137, 9)
        await until(world.pids)
        assert (await world.job("a"))["status"]["failed"] == 1


async def test_F21_a_process_whose_shim_is_killed_goes_too_and_is_nobodys_failure(world):
    async with world.running():
        await world.apply(job("a", "import time; time.sleep(60)", backoffLimit=0))
        (pid,) = await until(world.pids)
        started = json.loads((world.folder(await world.pod()) / "started.json").read_text())
        assert started["child"] == pid
        kill(started["shim"])
        pods = await until(lambda: at_least(world.pods(), 2))
        lost = pods[0]["status"]
        assert not alive(pid)
        assert lost["phase"] == "Failed"
        assert "DisruptionTarget" in {c["type"] for c in lost["conditions"]}
        assert (await world.job("a"))["status"]["failed"] == 0


async def test_a_finished_job_goes_when_its_time_is_up_and_its_folder_too(world):
    async with world.running():
        await world.apply(job("a", "", ttlSecondsAfterFinished=1))
        await world.condition("a", "Complete")
        folder = world.folder(await world.pod())
        await until(lambda: none(world.pods()))
        assert await world.job("a") is None
        await until(lambda: not folder.exists())


async def test_deleting_a_job_stops_its_process_and_only_then_its_pod_goes(world):
    code = (
        "import os, signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), sys.exit(0)))\n"
        "open('ready', 'w')\n"
        "time.sleep(60)"
    )
    async with world.running():
        await world.apply(job("a", code))
        (pid,) = await until(world.pids)
        await until(lambda: list(world.state.glob("pods/*/rootfs/ready")))
        await world.kube.delete(Ref(JOB, "default", "a"))
        assert (await world.pod())["metadata"]["deletionTimestamp"]
        assert alive(pid)
        await until(lambda: none(world.pods()))
        assert not alive(pid)


async def test_many_jobs_run_side_by_side(world):
    async with world.running():
        await world.apply(*(job(f"j{n}", "") for n in range(8)))
        async with asyncio.timeout(10):
            for n in range(8):
                await world.condition(f"j{n}", "Complete")


async def none(listing):
    return not await listing


async def at_least(listing, number):
    found = await listing
    return found if len(found) >= number else None


async def test_an_indexed_job_runs_a_pod_for_each_index_and_ends_when_all_have(world, tmp_path):
    code = f"import os; open({str(tmp_path)!r} + '/rank-' + os.environ['RANK'], 'w')"
    path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    obj = job("a", code, completionMode="Indexed", completions=3, parallelism=3)
    main = obj["spec"]["template"]["spec"]["containers"][0]
    main["env"] = [{"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": path}}}]
    async with world.running():
        await world.apply(obj)
        await world.condition("a", "Complete")
        assert sorted(p.name for p in tmp_path.glob("rank-*")) == ["rank-0", "rank-1", "rank-2"]
        names = sorted(pod["metadata"]["name"] for pod in await world.pods())
        assert names == ["a-0-0", "a-1-0", "a-2-0"]
        assert (await world.job("a"))["status"]["succeeded"] == 3


async def test_only_the_index_that_failed_is_run_again(world, tmp_path):
    code = (
        'import os, sys; mark = f\'{os.environ["HERE"]}/{os.environ["RANK"]}\'; '
        "again = os.path.exists(mark); open(mark, 'w'); "
        "sys.exit(0 if again or os.environ['RANK'] == '0' else 1)"
    )
    path = "metadata.annotations['batch.kubernetes.io/job-completion-index']"
    obj = job("a", code, completionMode="Indexed", completions=2, parallelism=2)
    main = obj["spec"]["template"]["spec"]["containers"][0]
    main["env"] = [
        {"name": "RANK", "valueFrom": {"fieldRef": {"fieldPath": path}}},
        {"name": "HERE", "value": str(tmp_path)},
    ]
    async with world.running():
        await world.apply(obj)
        await world.condition("a", "Complete")
        names = sorted(pod["metadata"]["name"] for pod in await world.pods())
        assert names == ["a-0-0", "a-1-0", "a-1-1"]
