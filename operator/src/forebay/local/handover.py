"""Hands a state folder over to a keeper: a process of its own that goes on when `forebay run` has ended.

Called by plane.py when it is left; keeper.py is the process that it starts.
"""

from __future__ import annotations

import subprocess
import sys
import time

from forebay.errors import StateError
from forebay.local.lock import KEEPER, PlaneLock
from forebay.local.state import StateFolder

_PATIENCE = 20.0  # seconds for the process to take the folder over


def start(folder: StateFolder) -> None:
    """Starts the keeper; returns when it has taken the folder over. Raises StateError when it does not."""
    command = [sys.executable, "-m", "forebay.local.keeper", "--state", str(folder.root)]
    with folder.keeper_log.open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    lock, end = PlaneLock(folder.lock), time.monotonic() + _PATIENCE
    while lock.holder() != (KEEPER, process.pid):
        if process.poll() is not None or time.monotonic() > end:
            raise StateError(f"the background process did not start; see {folder.keeper_log}")
        time.sleep(0.02)
    process.returncode = 0  # it outlives this one on purpose: no warning about a child left behind
