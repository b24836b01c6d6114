"""Hands a state folder over to a keeper: a process of its own that goes on when `forebay run` has ended.

Called by plane.py when it is left; keeper.py is the process that it starts.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys

from forebay.errors import StateError
from forebay.local.state import StateFolder

READY = b"1"  # what the keeper writes when what was served is served again
_PATIENCE = 20.0  # seconds for the process to take the folder over


def start(folder: StateFolder) -> None:
    """Starts the keeper; returns when it answers in our place. Raises StateError when it does not."""
    listens, says = os.pipe()
    command = [sys.executable, "-m", "forebay.local.keeper", "--state", str(folder.root)]
    with os.fdopen(listens, "rb", buffering=0) as ready:
        with os.fdopen(says, "wb"), folder.keeper_log.open("ab") as log:
            process = subprocess.Popen(  # noqa: S603 - our own command, without a shell
                [*command, "--ready", str(says)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=(says,),
            )
        heard, _, _ = select.select([ready], [], [], _PATIENCE)
        if not heard or ready.read(1) != READY:  # it ended, which closes the pipe, or it hangs
            raise StateError(f"the background process did not start; see {folder.keeper_log}")
    process.returncode = 0  # it outlives this one on purpose: no warning about a child left behind
