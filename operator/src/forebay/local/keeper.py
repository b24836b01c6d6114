"""The background process that keeps a plane running after `forebay run` has ended.

Started by handover.py (`python -m forebay.local.keeper --state DIR`), ended by the next `forebay run` (its
processes go on) or by `forebay down` (they stop). It ends by itself when nothing is left to keep.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
from contextlib import suppress
from pathlib import Path

from forebay.errors import PlaneBusy
from forebay.kube.embedded import EmbeddedKube
from forebay.local.handover import READY
from forebay.local.lock import KEEPER, RUNNER, PlaneLock
from forebay.local.plane import Plane, settings_of
from forebay.local.shutdown import shut_down
from forebay.local.state import StateFolder, open_state
from forebay.reconcile.loop import Reconciler

_LOOK_EVERY = 5.0  # seconds between two looks whether it is still needed


def stop(state: Path) -> bool:
    """Stops the keeper of a state folder and every process of its pods; False when nothing ran.

    Raises PlaneBusy while a `forebay run` works there.
    """
    folder = open_state(state)
    lock = PlaneLock(folder.lock)
    kept = lock.held()
    if kept and lock.holder()[0] == RUNNER:
        raise PlaneBusy(
            f"`forebay run` (process {lock.holder()[1]}) works in {state}: end it with Ctrl-C"
        )
    lock.take(RUNNER)  # the keeper steps down and leaves the processes
    try:
        return asyncio.run(_stop_pods(folder)) > 0 or kept
    finally:
        lock.release()


async def _stop_pods(folder: StateFolder) -> int:
    kube = EmbeddedKube(folder.database, folder.pods)
    try:
        reconciler = Reconciler(kube, settings_of(folder))
        return await shut_down(kube, folder, reconciler, "stopped by the user")
    finally:
        await kube.close()


async def keep(state: Path, ready: int) -> None:
    """Runs the plane until it is asked to step down, or until nothing needs it; closes `ready` when it answers."""
    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ending.set)
    async with Plane(state, role=KEEPER) as plane:
        await plane.hand_over()
        await plane.answers()
        os.write(ready, READY)
        os.close(ready)
        while not ending.is_set() and await plane.needed():
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await ending.wait()


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser(prog="forebay.local.keeper")
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--ready", type=int, required=True, help="a file descriptor to write to")
    asked = parser.parse_args()
    os.chdir("/")  # the folder that it was started in may go
    asyncio.run(keep(asked.state, asked.ready))


if __name__ == "__main__":
    main()
