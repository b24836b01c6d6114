"""Running programs to their end, with what they said in the error. Used by everything in this package."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence


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
    """The ended process, whatever its exit code."""
    arguments: Sequence[str] = command
    return subprocess.run(
        arguments, input=text, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )
