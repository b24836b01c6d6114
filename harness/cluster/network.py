"""The machine's network: the bridge that pods know as their host, and the removal of all that a cluster leaves."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Iterator
from pathlib import Path

from harness.cluster.layout import HOST, HOST_DEVICE, POD_DEVICE, POD_NETWORK
from harness.cluster.shell import attempt, run

# Chains that kube-proxy, the kubelet and the CNI programs make.
_CHAIN = re.compile(r"(KUBE|CNI)-")
_RESULTS = Path("/var/lib/cni/results")  # of every CNI network of the machine, ours by its name
_TABLES = ("nat", "filter", "mangle")


def up() -> None:
    """The host's bridge with its address, and forwarding between pods."""
    if attempt("ip", "link", "show", HOST_DEVICE).returncode:
        run("ip", "link", "add", HOST_DEVICE, "type", "bridge")
        run("ip", "address", "add", f"{HOST}/32", "dev", HOST_DEVICE)
        run("ip", "link", "set", HOST_DEVICE, "up")
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    # Not every kernel has the module, or needs it: a Service of the same bridge works without where it is built in.
    attempt("modprobe", "br_netfilter")
    attempt("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")


def down() -> None:
    """Removes pods' network devices and namespaces, both bridges, and the chains of kube-proxy and CNI."""
    for device in _devices():
        attempt("ip", "link", "delete", device)
    for namespace in _namespaces():
        attempt("ip", "netns", "delete", namespace)
    for result in _RESULTS.glob(f"{POD_NETWORK}-*"):
        result.unlink()
    for name in ("iptables", "ip6tables"):
        for table in _TABLES:
            _clean(name, table)


def _devices() -> Iterator[str]:
    """Both bridges, after the ends of pods' cables that are plugged into the pods' one."""
    said = attempt("ip", "-json", "link", "show", "master", POD_DEVICE)
    yield from (entry["ifname"] for entry in json.loads(said.stdout or "[]"))
    yield from (POD_DEVICE, HOST_DEVICE)


def _namespaces() -> list[str]:
    """The network namespaces that CNI made: `cni-` and a uuid. Called when no pod is left."""
    folder = Path("/run/netns")
    return [path.name for path in folder.glob("cni-*")] if folder.exists() else []


def _clean(program: str, table: str) -> None:
    said = attempt(f"{program}-save", "-t", table)
    if said.returncode:  # no such table in this kernel
        return
    for arguments in removals(said.stdout.splitlines()):
        attempt(program, "-t", table, *arguments)


def removals(saved: Iterable[str]) -> list[list[str]]:
    """What removes the cluster's chains from a table, given as `iptables-save` prints it.

    First the rules of other chains that jump into ours, then ours are emptied, then deleted: a chain that
    somebody still points to cannot be.
    """
    ours: list[str] = []
    jumps: list[list[str]] = []
    for line in saved:
        if line.startswith(":") and _CHAIN.match(line[1:]):
            ours.append(line[1:].split()[0])
        elif (
            line.startswith("-A ")
            and not _CHAIN.match(line[3:])
            and re.search(r" -[jg] (KUBE|CNI)-", line)
        ):
            jumps.append(["-D", *shlex.split(line[3:])])
    return [*jumps, *(["-F", chain] for chain in ours), *(["-X", chain] for chain in ours)]
