"""Finds a checkout of Forebay and runs its harness, which starts real servers. Called by `dev.py`.

The harness is for tests, with test drivers and servers under licences of their own, so it is no part of what is
installed. Its programs run in a session of their own: they hear of Ctrl-C from us, and clean up before they end.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forebay.cli.failure import UserError

HARNESS = Path("harness", "servers", "__main__.py")
NEWS = 10.0  # seconds between two words that it goes on
CLEANUP = 60.0  # seconds that an interrupted harness has to stop what it began


def find(given: Path | None, start: Path | None = None) -> Path:
    """The checkout: the one given, that of the working folder, or the one that this code runs from.

    Raises:
        UserError: there is none.
    """
    here = (start or Path.cwd()).resolve()
    own = Path(__file__).resolve().parents[4]
    places = [given.resolve()] if given else [here, *here.parents, own]
    for place in places:
        if (place / HARNESS).is_file():
            return place
    where = (
        f"{given} is no checkout of Forebay" if given else "there is no checkout of Forebay here"
    )
    raise UserError(
        f"{where}: `forebay dev` starts its servers by the harness, which is not installed",
        hint="Clone the repository and run `make setup` there; then use --checkout DIR or run this inside it.",
    )


class Checkout:
    """The harness of one checkout."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _argv(self, arguments: Sequence[str]) -> list[str]:
        own = self.root / ".venv" / "bin" / "python"  # it has the servers' drivers
        python = str(own) if own.exists() else sys.executable
        return [python, "-m", "harness.servers", *arguments]

    def run(self, command: str, name: str, news: Callable[[float], None] | None = None) -> None:
        """Runs a command to its end; what it says goes to stderr. `news` hears of the seconds that it took so far.

        Raises:
            UserError: it failed.
            KeyboardInterrupt: it was interrupted, and has ended.
        """
        began = time.monotonic()
        with self._started([command, name], subprocess.DEVNULL, None) as process:
            while True:
                try:
                    code = process.wait(NEWS)
                    break
                except subprocess.TimeoutExpired:
                    if news is not None:
                        news(time.monotonic() - began)
        if code != 0:
            raise UserError(f"dev {command} {name}: the harness ended with exit code {code}")

    def describe(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """What is known of these servers, of all where none is named. Raises UserError when it fails."""
        with tempfile.TemporaryFile("w+") as errors:
            with self._started(["describe", *names], subprocess.PIPE, errors) as process:
                text = process.stdout.read() if process.stdout else ""
                code = process.wait()
            if code != 0:
                errors.seek(0)
                last = (errors.read().strip().splitlines() or [f"exit code {code}"])[-1]
                raise UserError(f"dev: {last.removeprefix('servers: ')}")
        return [json.loads(line) for line in text.splitlines()]

    @contextmanager
    def _started(
        self, arguments: Sequence[str], out: int, errors: Any
    ) -> Iterator[subprocess.Popen[str]]:
        with subprocess.Popen(  # noqa: S603 - the checkout's own program; nothing is read by a shell
            self._argv(arguments),
            cwd=self.root,
            env=os.environ | {"PYTHONPATH": str(self.root)},
            stdout=out,
            stderr=errors,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                yield process
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait(CLEANUP)
                raise
