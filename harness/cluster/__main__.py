"""`python -m harness.cluster up|down|status|reset`: what `make cluster` and `make cluster-down` call.

State lies in CLUSTER_DIR, by default `.cluster` of the checkout. Where a Docker engine and kind are, they are used.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping

from harness.cluster import kind, storage
from harness.cluster.bare import Bare
from harness.folders import state
from harness.shell import CommandError


def cluster() -> Bare | kind.Kind:
    """The cluster of this machine: kind's or ours."""
    return kind.Kind(state()) if kind.is_usable() else Bare(state())


def up() -> None:
    """Starts it, or says that it runs."""
    which = cluster()
    if which.running():
        print("the cluster runs already", file=sys.stderr)
        if isinstance(which, kind.Kind):
            which.up()  # its kubeconfig may be another user's, or gone
    else:
        started = time.monotonic()
        which.up()
        print(f"the cluster is ready after {time.monotonic() - started:.0f} s", file=sys.stderr)
    print(f"export KUBECONFIG={state() / 'kubeconfig'}")


def down() -> None:
    """Ends it and removes its state."""
    which = cluster()
    which.down()
    if isinstance(which, Bare):
        which.wipe()
    print("the cluster is gone", file=sys.stderr)


def status() -> None:
    """Whether it runs; exit code 1 when not."""
    running = cluster().running()
    print(f"{state()}: {'running' if running else 'not running'}")
    sys.exit(0 if running else 1)


def reset() -> None:
    """Gives back the volumes whose claims are gone."""
    which = cluster()
    if isinstance(which, Bare):
        print(f"{storage.reset(which.kubectl)} volumes are free again", file=sys.stderr)


_COMMANDS: Mapping[str, Callable[[], None]] = {
    "up": up,
    "down": down,
    "status": status,
    "reset": reset,
}


def main() -> None:
    """Runs the named command; what cannot be done is told in a sentence."""
    command = _COMMANDS.get(sys.argv[1] if len(sys.argv) > 1 else "")
    if command is None:
        sys.exit(f"usage: python -m harness.cluster {'|'.join(_COMMANDS)}\n{__doc__}")
    try:
        command()
    except (RuntimeError, CommandError) as error:
        sys.exit(f"cluster: {error}")


if __name__ == "__main__":
    main()
