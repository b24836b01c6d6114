"""What removes a cluster's chains from iptables and leaves everybody else's. Pure but for `clean`."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Iterator

from harness.cluster.layout import POD_NETWORK
from harness.shell import attempt

_TABLES = ("nat", "filter", "mangle")
_TARGET = re.compile(r" -[jg] (\S+)")
_NETWORK = re.compile(r'name: \\?"([^"\\]+)')  # in the comment that CNI writes to each rule


def clean() -> None:
    """Removes the chains of kube-proxy, the kubelet and our pods' network, and the rules that lead there."""
    for program in ("iptables", "ip6tables"):
        for table in _TABLES:
            said = attempt(f"{program}-save", "-t", table)
            if said.returncode:  # no such table in this kernel
                continue
            for arguments in removals(said.stdout.splitlines()):
                attempt(program, "-t", table, *arguments)


def removals(saved: Iterable[str]) -> list[list[str]]:
    """Arguments for iptables, in order, from a table as `iptables-save` prints it.

    First the rules of other chains that jump into ours, then ours are emptied, then deleted: a chain that
    somebody still points to cannot be.
    """
    lines = list(saved)
    ours = set(_chains(lines))
    jumps = [
        ["-D", *shlex.split(line[3:])]
        for line in lines
        if line.startswith("-A ") and _chain(line) not in ours and _target(line) in ours
    ]
    return [
        *jumps,
        *(["-F", chain] for chain in sorted(ours)),
        *(["-X", chain] for chain in sorted(ours)),
    ]


def _chains(lines: list[str]) -> Iterator[str]:
    """Ours: all of Kubernetes; of CNI those that are not another network's, or shared with one."""
    networks: dict[str, set[str]] = {}
    for line in lines:
        named = _NETWORK.search(line)
        for chain in (_chain(line), _target(line)):
            if named and chain.startswith("CNI-"):
                networks.setdefault(chain, set()).add(named[1])
    shared = any(names != {POD_NETWORK} for names in networks.values())
    for chain in (line[1:].split(maxsplit=1)[0] for line in lines if line.startswith(":")):
        collection = (
            chain.startswith("CNI-") and chain not in networks
        )  # CNI's own, of all networks
        if (
            chain.startswith("KUBE-")
            or networks.get(chain) == {POD_NETWORK}
            or (collection and not shared)
        ):
            yield chain


def _chain(line: str) -> str:
    return line[3:].split(maxsplit=1)[0] if line.startswith("-A ") else ""


def _target(line: str) -> str:
    found = _TARGET.search(line)
    return found[1] if found else ""
