import asyncio
import socket

from forebay.kube.port import K8S_DEPLOYMENT, SERVICE, Ref
from tests.component.local.kit import (
    alive,
    deployment,
    free_port,
    get,
    kill,
    service,
    until,
)

LIVE = {"httpGet": {"path": "/live", "port": "http"}, "periodSeconds": 1, "failureThreshold": 1}


async def test_a_service_leads_to_ready_pods_only(world):
    port = free_port()
    async with world.running():
        await world.apply(
            service("web", "web", port), deployment("web", "hello", env={"SLOW": "0.6"})
        )
        assert await world.port("web") == port
        await until(world.pids)
        assert await get(port) is None
        await world.ready("web")
        assert await get(port) == "hello"
        url = (await world.service("web"))["status"]["loadBalancer"]["ingress"][0]["ip"]
        assert url == "127.0.0.1"


async def test_F53_changing_the_selector_switches_versions_without_a_failed_request(world):
    port = free_port()
    answers, stop = [], asyncio.Event()

    async def ask():
        while not stop.is_set():
            answers.append(await get(port))
            await asyncio.sleep(0.01)

    async with world.running():
        await world.apply(
            service("web", "v1", port), deployment("v1", "one"), deployment("v2", "two")
        )
        await world.ready("v1")
        await world.ready("v2")
        await until(lambda: get(port))
        asking = asyncio.create_task(ask())
        await asyncio.sleep(0.1)
        await world.apply(service("web", "v2", port))
        await until(lambda: "two" in answers)
        await world.kube.delete(Ref(K8S_DEPLOYMENT, "default", "v1"))
        await asyncio.sleep(0.3)
        stop.set()
        await asking
        assert set(answers) == {"one", "two"}
        assert answers.index("two") == len(answers) - answers[::-1].index("one")


async def test_a_new_template_takes_over_only_when_its_pod_is_ready(world):
    port = free_port()
    async with world.running():
        await world.apply(service("web", "web", port), deployment("web", "one"))
        await world.ready("web")
        await world.apply(deployment("web", "broken", env={"SLOW": "60"}))
        await until(lambda: two(world))
        await asyncio.sleep(0.2)
        assert await get(port) == "one"
        await world.apply(deployment("web", "two"))
        await until(lambda: answer_is(port, "two"))
        await world.ready("web")
        assert (await world.deployment("web"))["status"]["updatedReplicas"] == 1


async def test_with_recreate_the_old_process_is_gone_before_the_new_one_starts(world):
    recreate = {"type": "Recreate"}
    async with world.running():
        await world.apply(deployment("web", "one", strategy=recreate))
        await world.ready("web")
        (old,) = world.pids()
        await world.apply(deployment("web", "two", strategy=recreate))
        (new,) = await until(lambda: [pid for pid in world.pids() if pid != old])
        assert not alive(old)
        await world.ready("web")
        assert alive(new)


async def test_a_pod_that_crashes_is_started_again_with_a_growing_pause(world):
    port = free_port()
    async with world.running():
        await world.apply(service("web", "web", port), deployment("web", "up"))
        await world.ready("web")
        for restarts in (1, 2):
            await until(lambda: get(port))
            await get(port, "/crash")
            status = await until(lambda n=restarts: restarted(world, n))
            assert status["state"]["waiting"]["reason"] == "CrashLoopBackOff"
            assert status["lastState"]["terminated"]["exitCode"] == 3
            assert f"{restarts} s" in status["state"]["waiting"]["message"]
        await until(lambda: get(port))


async def test_a_pod_that_does_not_answer_its_liveness_probe_is_started_again(world):
    async with world.running():
        await world.apply(deployment("web", "up", livenessProbe=LIVE))
        await world.ready("web")
        pod, (pid,) = await world.pod(), world.pids()
        (world.folder(pod) / "rootfs" / "deaf").touch()
        await until(lambda: restarted(world, 1))
        assert not alive(pid)
        assert "liveness" in await world.kube.logs(Ref.of(pod))


async def test_replicas_share_the_requests_and_follow_the_spec(world):
    port = free_port()
    async with world.running():
        await world.apply(service("web", "web", port), deployment("web", "up", replicas=2))
        await world.ready("web", 2)
        one, _ = world.pids()
        kill(one)
        assert await until(lambda: get(port)) == "up"
        await world.apply(deployment("web", "up", replicas=1))
        await world.ready("web", 1)
        assert len(world.pids()) == 1
        await world.apply(deployment("web", "up", replicas=0))
        await until(lambda: not world.pids())


async def test_a_taken_port_is_replaced_by_the_next_free_one_that_is_kept(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        asked = taken.getsockname()[1]
        async with world.running():
            await world.apply(service("web", "web", asked))
            served = await world.port("web")
            assert served > asked
    async with world.running():
        await asyncio.sleep(0.1)
        assert await world.port("web") == served
        moved = free_port()
        await world.apply(service("web", "web", moved))
        await until(lambda: port_is(world, moved))


async def test_a_service_that_is_deleted_listens_no_more(world):
    port = free_port()
    async with world.running():
        await world.apply(service("web", "web", port), deployment("web", "up"))
        await until(lambda: get(port))
        await world.kube.delete(Ref(SERVICE, "default", "web"))
        await until(lambda: silent(port))


async def test_large_answers_pass_whole(world):
    port = free_port()
    large = deployment("web", "x" * 1000, env={"TIMES": "3000"})
    async with world.running():
        await world.apply(service("web", "web", port), large)
        await until(lambda: get(port))
        answers = await asyncio.gather(*(get(port) for _ in range(10)))
        assert {len(answer) for answer in answers} == {3_000_000}


async def two(world):
    return len(world.pids()) == 2


async def answer_is(port, word):
    return await get(port) == word


async def port_is(world, port):
    return await world.port("web") == port


async def silent(port):
    return await get(port) is None


async def restarted(world, times):
    status = (await world.pod())["status"]["containerStatuses"][0]
    return status if status["restartCount"] == times and "waiting" in status["state"] else None
