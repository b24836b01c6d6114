"""How the operator does with many pipelines at once; see README.md. Needs KUBECONFIG of a cluster without a Forebay.

It starts the operator on this machine with the chart's rights in one namespace, applies N pipelines whose pods run on
kwok's fake nodes, and prints times, writes, memory and CPU.
"""

import argparse
import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import measure
import world

from forebay.kube.cluster import ClusterKube
from forebay.kube.port import DATASTORE, PIPELINE, RUN

AT_ONCE = 32  # requests of whoever applies the pipelines
FINISHED = ("Succeeded", "Failed")


class Operator:
    """`kopf run` as a process of this machine."""

    def __init__(self, namespace, config, folder):
        self._folder = folder
        self._command = [
            sys.executable, "-m", "kopf", "run", "--quiet", "-m", "forebay.main", "--namespace", namespace,
        ]  # fmt: skip
        (folder / "kubeconfig").write_text(config)
        (folder / "kubeconfig").chmod(0o600)

    def start(self):
        env = {
            **os.environ,
            "KUBECONFIG": str(self._folder / "kubeconfig"),
            "FOREBAY_METRICS_PORT": "0",
            "FOREBAY_HEALTH_PORT": "0",
            "FOREBAY_PROGRESS_PORT": "0",
        }
        with (self._folder / "operator.log").open("ab") as log:
            self.process = subprocess.Popen(self._command, env=env, stdout=log, stderr=log)
        self.pid = self.process.pid

    def stop(self):
        self.process.terminate()
        self.process.wait(30)


class Watched:
    """When each object of a kind reached a state, by name; filled by a watch."""

    def __init__(self, kube, kind, namespace, reached):
        self._kube, self._kind, self._namespace, self._reached = kube, kind, namespace, reached
        self.times = {}

    async def run(self):
        async for event in self._kube.watch(self._kind, self._namespace):
            name = event.object["metadata"]["name"]
            if name not in self.times and self._reached(event.object):
                self.times[name] = time.monotonic()

    async def count(self, number, seconds):
        deadline = time.monotonic() + seconds
        while len(self.times) < number:
            if time.monotonic() > deadline:
                raise SystemExit(
                    f"{len(self.times)} of {number} {self._kind.plural} after {seconds} s"
                )
            await asyncio.sleep(0.05)


def has_status(obj):
    return bool((obj.get("status") or {}).get("conditions"))


def is_over(obj):
    return (obj.get("status") or {}).get("phase") in FINISHED


async def create_all(kube, objects):
    """When each was asked for, by name."""
    gate, asked = asyncio.Semaphore(AT_ONCE), {}

    async def one(obj):
        async with gate:
            asked[obj["metadata"]["name"]] = time.monotonic()
            await kube.create(obj, manager="benchmark")

    await asyncio.gather(*(one(obj) for obj in objects))
    return asked


def report(title, counter):
    print(f"{title}: {sum(counter.values())}")
    for (verb, what), count in sorted(counter.items(), key=lambda item: -item[1]):
        print(f"  {count:6d} {verb} {what}")


async def until_ready(kube, namespace):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        stores = await kube.list(DATASTORE, namespace)
        ready = [c for s in stores for c in (s.get("status") or {}).get("conditions") or []]
        if any(c["type"] == "Ready" and c["status"] == "True" for c in ready):
            return
        await asyncio.sleep(0.2)
    raise SystemExit("the store was not probed: does kwok run?")


async def burst(args, kube, operator, audit):
    """N pipelines at once: until each has a status, until each run is over."""
    first = Watched(kube, PIPELINE, args.namespace, has_status)
    over = Watched(kube, RUN, args.namespace, is_over)
    watches = [asyncio.create_task(w.run()) for w in (first, over)]
    await asyncio.sleep(1)
    before, began, used = audit.mark(), time.monotonic(), measure.cpu(operator.pid)
    pipelines = [world.pipeline(args.namespace, n, args.chain) for n in range(args.count)]
    asked = await create_all(kube, pipelines)
    print(f"applied: {args.count} pipelines in {time.monotonic() - began:.1f} s")
    await first.count(args.count, 300)
    waits = sorted(first.times[name] - at for name, at in asked.items())
    print(f"every one has a status after {max(first.times.values()) - began:.1f} s", end="")
    print(f" (of its own creation: median {waits[len(waits) // 2]:.2f} s, last {waits[-1]:.2f} s)")
    print(f"memory then: {measure.memory(operator.pid)[0]:.0f} MiB")
    if not args.no_runs:
        await over.count(args.count, args.patience)
        print(f"every run is over after {max(over.times.values()) - began:.1f} s")
    for watch in watches:
        watch.cancel()
    await asyncio.gather(*watches, return_exceptions=True)
    await settle(audit)
    report("writes of the operator", audit.writes(before))
    now, peak = measure.memory(operator.pid)
    print(
        f"memory: {now:.0f} MiB, peak {peak:.0f} MiB; CPU: {measure.cpu(operator.pid) - used:.1f} s"
    )


async def settle(audit, quiet=5.0, patience=120.0):
    """Returns when no write was seen for `quiet` seconds."""
    deadline, since = time.monotonic() + patience, audit.mark()
    while time.monotonic() < deadline:
        await asyncio.sleep(quiet)
        if not audit.writes(since):
            return
        since = audit.mark()


async def calm(args, operator, audit, title):
    """What the operator does when there is nothing to do."""
    since, used = audit.mark(), measure.cpu(operator.pid)
    await asyncio.sleep(args.calm)
    report(f"{title}: writes in {args.calm} s", audit.writes(since))
    report(f"{title}: other requests", audit.requests(since) - audit.writes(since))
    print(
        f"CPU: {measure.cpu(operator.pid) - used:.1f} s; memory: {measure.memory(operator.pid)[0]:.0f} MiB"
    )


async def restart(args, operator, audit):
    operator.stop()
    since = audit.mark()
    operator.start()
    await asyncio.sleep(args.calm)
    report(f"restart: writes in {args.calm} s", audit.writes(since))
    now, peak = measure.memory(operator.pid)
    print(f"memory: {now:.0f} MiB, peak {peak:.0f} MiB; CPU: {measure.cpu(operator.pid):.1f} s")


async def main(args):
    world.kubectl("create", "namespace", args.namespace)
    world.nodes(args.nodes)
    user, config = world.account(args.namespace)
    operator, audit = Operator(args.namespace, config, args.folder), measure.Audit(args.audit, user)
    kube = await ClusterKube.connect()
    operator.start()
    try:
        await kube.create(world.store(args.namespace), manager="benchmark")
        await until_ready(kube, args.namespace)
        await burst(args, kube, operator, audit)
        await calm(args, operator, audit, "settled")
        await restart(args, operator, audit)
    finally:
        operator.stop()
        await kube.close()
        if not args.keep:
            world.kubectl("delete", "namespace", args.namespace, "--wait=false")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=500, help="pipelines")
    parser.add_argument("--chain", choices=world.CHAINS, default="short", help="stages of each")
    parser.add_argument("--nodes", type=int, default=10, help="fake nodes")
    parser.add_argument("--namespace", default="operator-scale")
    parser.add_argument("--audit", required=True, help="the API server's audit log")
    parser.add_argument("--folder", type=Path, required=True, help="for the operator's log")
    parser.add_argument("--calm", type=int, default=60, help="seconds to watch for writes")
    parser.add_argument("--patience", type=int, default=900, help="seconds for all runs")
    parser.add_argument("--no-runs", action="store_true", help="do not wait for the runs")
    parser.add_argument("--keep", action="store_true", help="leave the namespace")
    asyncio.run(main(parser.parse_args()))
