"""The background process that keeps a plane running after `forebay run` has ended.

Started by plane.py (`python -m forebay.local.keeper --state DIR`), ended by the next `forebay run` (its
processes go on) or by `forebay down` (they stop). It ends by itself when nothing is left to keep.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from forebay.errors import ForebayError
from forebay.local.lock import KEEPER, PlaneLock
from forebay.local.state import StateFolder, open_state

_PATIENCE = 15.0  # seconds for the process to take the folder, and to stop everything
_LOOK_EVERY = 5.0


def start(folder: StateFolder) -> None:
    """Starts the keeper; returns when it has taken the folder over. ForebayError when it does not."""
    command = [sys.executable, "-m", "forebay.local.keeper", "--state", str(folder.root)]
    with folder.keeper_log.open("ab") as log:
        # the command is our own, without a shell
        process = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    lock = PlaneLock(folder.lock)
    end = time.monotonic() + _PATIENCE
    while lock.holder() != (KEEPER, process.pid):
        if process.poll() is not None or time.monotonic() > end:
            raise ForebayError(f"the background process did not start; see {folder.keeper_log}")
        time.sleep(0.02)


def stop(state: Path) -> bool:
    """Stops the keeper of a state folder and all that it keeps; False when nothing ran."""
    lock = PlaneLock(open_state(state).lock)
    if lock.held():
        role, pid = lock.holder()
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGUSR1 if role == KEEPER else signal.SIGINT)
        return _gone(lock)
    return asyncio.run(_stop_leftovers(state))


def _gone(lock: PlaneLock) -> bool:
    end = time.monotonic() + _PATIENCE + 10
    while lock.held():
        if time.monotonic() > end:
            raise ForebayError("the background process does not stop")
        time.sleep(0.05)
    return True


async def _stop_leftovers(state: Path) -> bool:
    """Processes of a plane that was killed: opened and left again, they are stopped."""
    from forebay.local.plane import Plane  # noqa: PLC0415 - plane.py starts keepers

    plane = Plane(state, role=KEEPER)
    return await plane.stop_leftovers()


async def keep(state: Path) -> None:
    """Runs the plane until a signal, or until nothing needs it."""
    from forebay.local.plane import Plane  # noqa: PLC0415 - plane.py starts keepers

    loop, ending = asyncio.get_running_loop(), asyncio.Event()
    async with Plane(state, role=KEEPER) as plane:

        def step_down() -> None:
            plane.hand_over()
            ending.set()

        loop.add_signal_handler(signal.SIGTERM, step_down)
        for number in (signal.SIGUSR1, signal.SIGINT):
            loop.add_signal_handler(number, ending.set)
        while not ending.is_set() and await plane.needed():
            with suppress(TimeoutError):
                await asyncio.wait_for(ending.wait(), _LOOK_EVERY)


def main() -> None:
    """The process's entry."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--state", type=Path, required=True)
    asyncio.run(keep(parser.parse_args().state))


if __name__ == "__main__":
    main()
