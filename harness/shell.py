"""Running programs to their end, with what they said in the error. Used by everything in the harness."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping

_NOT_FOUND = 127


class CommandError(RuntimeError):
    """A program ended with another exit code than 0."""


def run(
    *command: str,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> str:
    """Standard output. Raises CommandError with standard error."""
    done = attempt(*command, text=text, env=env, timeout=timeout)
    if done.returncode:
        raise CommandError(
            f"{' '.join(command[:4])} …: {(done.stderr or done.stdout).strip()[-2000:]}"
        )
    return done.stdout


def attempt(
    *command: str,
    text: str | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """The ended process, whatever its exit code; 127, as a shell has it, when there is no such program."""
    if shutil.which(command[0]) is None:
        return subprocess.CompletedProcess(command, _NOT_FOUND, "", f"{command[0]}: not found")
    return subprocess.run(
        command, input=text, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )
