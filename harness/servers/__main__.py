"""`python -m harness.servers up|stop|kill|down|status|describe|product NAME…`: servers for tests.

Without a name: all of them. `up` prints lines that a shell can take; state lies in SERVERS_DIR, by default
`.servers` of the checkout. See docs/servers.md.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping

from harness.servers import life


def up(name: str) -> bool:
    """Starts it, or says that it runs."""
    began, there = time.monotonic(), life.running(name)
    try:
        server = life.up(name)
    except KeyboardInterrupt:
        if not there:
            life.stop(name)  # it would go on by itself, and nobody knows of it
        raise
    how = "runs already" if there else f"answers after {time.monotonic() - began:.1f} s"
    print(f"{name} {how}", file=sys.stderr)
    print(f"export {server.variable}='{server.uri}'")
    return True


def down(name: str) -> bool:
    """Ends it and removes its data."""
    life.down(name)
    print(f"{name} is gone", file=sys.stderr)
    return True


def stop(name: str) -> bool:
    """Ends it; `up` starts it on the same data."""
    life.stop(name)
    return True


def kill(name: str) -> bool:
    """As a crash would; `up` starts it on the same data."""
    life.kill(name)
    return True


def status(name: str) -> bool:
    """Whether it runs, and where."""
    server = life.running(name)
    print(f"{name}: {f'running at {server.address}' if server else 'not running'}")
    return server is not None


def describe(name: str) -> bool:
    """One line of JSON for programs, with the password: `forebay dev` reads it."""
    print(json.dumps(life.description(name)))
    return True


def product(name: str) -> bool:
    """What it is, with its version."""
    print(life.recipe(name).product)
    return True


_COMMANDS: Mapping[str, Callable[[str], bool]] = {
    "up": up,
    "stop": stop,
    "kill": kill,
    "down": down,
    "status": status,
    "describe": describe,
    "product": product,
}


def main() -> None:
    """Runs the command for each name; exit code 1 when `status` finds one that does not run."""
    command = _COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(
            f"usage: python -m harness.servers {'|'.join(_COMMANDS)} [NAME…]"
            f"  (names: {', '.join(life.RECIPES)})\n{__doc__}"
        )
    try:
        fine = [command(name) for name in sys.argv[2:] or life.RECIPES]
    except RuntimeError as error:
        sys.exit(f"servers: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    sys.exit(0 if all(fine) else 1)


if __name__ == "__main__":
    main()
